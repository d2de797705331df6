import { micros, type RosterViewer } from "@cuelight/player/core";
import { expect, test } from "vitest";
import {
  banEnds,
  factsOf,
  gradeName,
  gradesOf,
  inOrder,
  linkCount,
  linksText,
  rate,
  strikesOf,
  sureness,
} from "../src/people-view.ts";

const plain = (text: string): string => text.replace(/[\u00a0\u202f]/gu, " ");
const grades = (device: number, pin: number, link: number, account: number) => ({
  device,
  pin,
  link,
  account,
});
const viewer = (change: Partial<RosterViewer> = {}): RosterViewer => ({
  participant: "p1",
  grade: "device",
  class: "in",
  synced: true,
  since_us: micros(1_000_000),
  rtt_us: micros(43_000),
  strikes: 0,
  ...change,
});

test.each([
  ["nobody", grades(0, 0, 0, 0), "none", /once somebody/],
  ["one anonymous viewer", grades(1, 0, 0, 0), "low", /^The viewer is anonymous/],
  ["all anonymous", grades(400, 0, 0, 0), "low", /^All viewers are anonymous/],
  ["half of them", grades(600, 0, 0, 600), "low", /^600 of 1 200 viewers are anonymous/],
  ["some of them", grades(20, 0, 0, 1200), "fair", /^20 of 1 220 viewers are anonymous/],
  ["a PIN", grades(0, 1, 0, 100), "fair", /several devices/],
  ["links", grades(0, 0, 3, 100), "high", /link to one person/],
  ["accounts", grades(0, 0, 0, 100), "high", /account/],
] as const)("says how sure it is who answers: %s", (_, given, level, words) => {
  const sure = sureness(given);
  expect(sure.level).toBe(level);
  expect(plain(sure.words)).toMatch(words);
});

test("a server that does not count grades is not an error", () => {
  expect(gradesOf(undefined)).toEqual(grades(0, 0, 0, 0));
  expect(gradeName("royal")).toBe("Unknown");
  expect(gradeName("link")).toBe("Own link");
});

test.each([
  [0, "0 a second"],
  [0.1, "0.1 a second"],
  [3.04, "3 a second"],
  [45.4, "45 a second"],
  [1234.5, "1 235 a second"],
])("a rate of %d", (given, words) => {
  expect(plain(rate(given))).toBe(words);
});

test("says of a viewer how it is doing", () => {
  expect(plain(factsOf(viewer(), 246_000_000))).toBe("in step · 43 ms away · here for 4:05");
  expect(plain(factsOf(viewer({ synced: false, rtt_us: micros(0) }), undefined))).toBe("clock not in step");
  expect(plain(factsOf(viewer({ class: "" }), undefined))).toMatch(/^no video/);
  expect(plain(factsOf(viewer({ rtt_us: micros(300) }), undefined))).toBe("in step · under 1 ms away");
  expect(strikesOf(viewer())).toBe("");
  expect(strikesOf(viewer({ strikes: 1 }))).toBe("1 strike in the last minute");
  expect(strikesOf(viewer({ strikes: 4 }))).toBe("4 strikes in the last minute");
});

test("the same sample has the same order, who breaks limits first", () => {
  const [a, b, c] = [
    viewer({ participant: "a" }),
    viewer({ participant: "b" }),
    viewer({ participant: "c", strikes: 2 }),
  ];
  expect(inOrder([b, a, c]).map((v) => v.participant)).toEqual(["c", "a", "b"]);
  expect(inOrder([c, a, b])).toEqual(inOrder([b, a, c]));
});

test("a ban ends, or does not", () => {
  const until = new Date(2026, 10, 23, 20, 15).getTime() * 1000;
  expect(banEnds({ participant: "p1", at_us: 0 })).toBe("for good");
  expect(banEnds({ participant: "p1", at_us: 0, until_us: until })).toBe("until 23 Nov 2026, 20:15");
});

test("links are one a line", () => {
  expect(linksText(["https://a/1", "https://a/2"])).toBe("https://a/1\nhttps://a/2\n");
});

test.each([
  ["10", 10],
  ["1000", 1000],
  ["1001", /Between 1 and 1 000/],
  ["0", /Between/],
  ["1.5", /Between/],
  ["", /Between/],
  ["many", /Between/],
])("a number of links: %s", (text, want) => {
  const got = linkCount(text, 1000);
  if (typeof want === "number") expect(got).toBe(want);
  else expect(plain(String(got))).toMatch(want);
});
