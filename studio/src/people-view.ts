/** Who is there and how sure it is who they are, in words. Pure. */
import type { Grades, RosterViewer } from "@cuelight/player/core";
import { count, elapsed, percent, spread } from "./format.ts";
import type { Ban } from "./people.ts";
import { dayAndTime } from "./schedule.ts";

/** A grade of identity as producers read it, strongest first. */
export const GRADES = [
  ["account", "Signed in", "at your site"],
  ["link", "Own link", ""],
  ["pin", "Knew the PIN", ""],
  ["device", "Anonymous", ""],
] as const;

const noGrades: Grades = { device: 0, pin: 0, link: 0, account: 0 };

/** How many viewers have each grade; of none before anything is known. */
export const gradesOf = (grades: Grades | undefined): Grades => grades ?? noGrades;

/** What a viewer's grade is called. */
export const gradeName = (grade: string): string => GRADES.find(([key]) => key === grade)?.[1] ?? "Unknown";

/** How sure it is that one answer is one person. */
export interface Sureness {
  readonly level: "none" | "low" | "fair" | "high";
  readonly words: string;
}

/** What the weakest of those present make of it: a vote is worth what it costs to cast a second one. */
export function sureness(grades: Grades): Sureness {
  const { device, pin, link, account } = grades;
  const all = device + pin + link + account;
  if (all === 0) return { level: "none", words: "Said once somebody is there." };
  const part = `${count(device)} of ${count(all)}`;
  if (device > 0) {
    const who = device === all ? (all === 1 ? "The viewer is" : "All viewers are") : `${part} viewers are`;
    const most = percent(device, all) >= 50;
    return {
      level: most ? "low" : "fair",
      words: `${who} anonymous: whoever clears a browser or takes another device can answer again.`,
    };
  }
  if (pin > 0) {
    return {
      level: "fair",
      words: "Everybody knew the PIN or is known better. One person can still answer on several devices.",
    };
  }
  if (link > 0) {
    return { level: "high", words: "One answer a link: as sure as you sent each link to one person." };
  }
  return { level: "high", words: "One answer an account of your site." };
}

/** A rate: `3.2 a second`, `45 a second`. */
export const rate = (perSecond: number): string =>
  `${perSecond > 0 && perSecond < 9.95 ? Number(perSecond.toFixed(1)) : count(perSecond)} a second`;

/** A sample in an order that does not depend on chance: who breaks limits first. */
export const inOrder = (viewers: readonly RosterViewer[]): readonly RosterViewer[] =>
  [...viewers].sort((a, b) => b.strikes - a.strikes || (a.participant < b.participant ? -1 : 1));

const classWords: Readonly<Record<string, string>> = {
  in: "in step",
  near: "near",
  far: "far",
  none: "no video",
};

/** What is known of a viewer: `in step · 43 ms away · here for 4:05`. */
export function factsOf(viewer: RosterViewer, nowUs: number | undefined): string {
  const facts = [viewer.synced ? (classWords[viewer.class] ?? "no video") : "clock not in step"];
  if (viewer.rtt_us > 0)
    facts.push(`${viewer.rtt_us < 1000 ? "under 1\u00a0ms" : spread(viewer.rtt_us)} away`);
  if (nowUs !== undefined) facts.push(`here for ${elapsed((nowUs - viewer.since_us) / 1e6)}`);
  return facts.join(" · ");
}

/** What it has done against the limits; empty for nothing. */
export const strikesOf = (viewer: RosterViewer): string =>
  viewer.strikes === 0
    ? ""
    : `${viewer.strikes} ${viewer.strikes === 1 ? "strike" : "strikes"} in the last minute`;

/** How long a ban may be. */
export const BAN_LENGTHS = [
  [600, "10 min"],
  [3600, "1 hour"],
  [86_400, "1 day"],
  [0, "For good"],
] as const;

/** How long links may wait for their first use, in seconds. */
export const LINK_LIVES = [
  [3600, "1 hour"],
  [86_400, "1 day"],
  [604_800, "7 days"],
  [2_592_000, "30 days"],
] as const;

/** When somebody may come back. */
export const banEnds = (ban: Ban): string =>
  ban.until_us === undefined ? "for good" : `until ${dayAndTime(ban.until_us)}`;

/** Links as a file: one a line. */
export const linksText = (links: readonly string[]): string => links.map((link) => `${link}\n`).join("");

/** How many links a producer wrote, or what is wrong with it. */
export function linkCount(text: string, most: number): number | string {
  const n = Number(text);
  if (text.trim() === "" || !Number.isInteger(n) || n < 1 || n > most) return `Between 1 and ${count(most)}.`;
  return n;
}
