/** How together a cue opened and closed, in words and shapes. Pure. */
import type { Cue, Histogram, OpeningsMessage, OutWho } from "@cuelight/player/core";
import { count, spread } from "./format.ts";

/** Grey: nothing to wait for yet. Amber: windows are still open. Green: all that matter are closed. */
export type LightColour = "grey" | "amber" | "green";

/** The light that says whether the result can be shown. */
export interface Light {
  readonly colour: LightColour;
  readonly words: string;
  /** Share of windows that are closed, 0 to 1. */
  readonly closed: number;
}

/** The light of a cue. `openings` are those of the same cue, as far as there are any. */
export function lightOf(cue: Cue, openings: OpeningsMessage | undefined): Light {
  const grey = (words: string): Light => ({ colour: "grey", words, closed: 0 });
  const { closed = 0, clear = false } = openings ?? {};
  const opened = openings === undefined ? 0 : openedWindows(openings);
  switch (cue.state) {
    case "open":
    case "paused":
      return grey("Windows are open");
    case "closing":
    case "closed":
    case "revealed":
      if (clear) return { colour: "green", words: clearWords(closed, opened), closed: 1 };
      if (opened === 0)
        return { colour: "amber", words: "Waiting for the first screens to close", closed: 0 };
      return {
        colour: "amber",
        words: `${count(closed)} of ${count(opened)} windows closed`,
        closed: closed / opened,
      };
    case "cancelled":
    case "void":
      return grey("Withdrawn");
    case "draft":
    case "scheduled":
    case "armed":
    case "keyed":
      return grey("Windows are not open yet");
    default:
      return cue.state satisfies never;
  }
}

/** How many windows opened, as far as is known: one that closed was open, even if nobody said so. */
export const openedWindows = (o: OpeningsMessage): number => Math.max(o.reported, o.closed);

/** Who has left is not waited for: fewer than 99.5 % of all may be enough. */
function clearWords(closed: number, opened: number): string {
  if (opened === 0) return "Clear: no window was open";
  if (closed === opened)
    return `Clear: ${opened === 1 ? "the window is" : `all ${count(opened)} windows are`} closed`;
  const tenths = Math.floor((closed / opened) * 1000) / 10;
  return tenths >= 99.5
    ? `Clear: ${tenths}\u00a0% closed`
    : `Clear: ${count(closed)} closed, the others have left`;
}

/** One column of the histogram. */
export interface Bar {
  /** The distances it stands for: `−10 to 0 ms`. */
  readonly label: string;
  readonly count: number;
  /** Of the tallest column, 0 to 1. */
  readonly height: number;
  /** Beyond both ends of the scale. */
  readonly outside: boolean;
}

/** The columns of a histogram from left to right: what is below it, its steps, what is above. */
export function bars(h: Histogram): readonly Bar[] {
  const top = Math.max(1, h.below, h.above, ...h.counts);
  const end = h.from_us + h.step_us * h.counts.length;
  const bar = (label: string, n: number, outside: boolean): Bar => ({
    label,
    count: n,
    height: n / top,
    outside,
  });
  return [
    bar(`more than ${spread(Math.abs(h.from_us))} early`, h.below, true),
    ...h.counts.map((n, i) =>
      bar(range(h.from_us + i * h.step_us, h.from_us + (i + 1) * h.step_us), n, false),
    ),
    bar(`more than ${spread(Math.abs(end))} late`, h.above, true),
  ];
}

const range = (from: number, to: number): string => `${signedMs(from)} to ${signedMs(to)}\u00a0ms`;

const signedMs = (us: number): string => {
  const ms = Math.round(us / 1000);
  return ms < 0 ? `\u2212${-ms}` : ms > 0 ? `+${ms}` : "0";
};

const whyWords: Readonly<Record<string, string>> = {
  hidden: "page in the background",
  paused: "picture paused",
  behind: "picture behind the room",
  clock: "clock not in step yet",
  late: "joined inside the window",
  key: "question came late",
  slow: "opened off its instant",
};

/** Why a viewer was out, in plain words. */
export const why = (reason: string): string =>
  whyWords[reason] ?? (reason === "" ? "no reason given" : reason);

/** How far a viewer's window was from its instant: `131 ms late`. */
export const away = (who: OutWho): string =>
  who.away_us === 0 ? "on time" : `${spread(Math.abs(who.away_us))} ${who.away_us < 0 ? "early" : "late"}`;

/** Reach in words: `405 of 412 in time`. */
export const reach = (o: OpeningsMessage): string => `${count(o.in_time)} of ${count(o.expected)}`;

/** What a past cue says of itself in the rundown: `95 % within 15 ms`; empty without reports. */
export const togetherness = (o: OpeningsMessage | undefined): string =>
  o === undefined || o.reported === 0 ? "" : `95\u00a0% within ${spread(o.p95_us)}`;
