import { readFileSync } from "node:fs";
import {
  type Cue,
  type CueState,
  decodeServer,
  micros,
  millis,
  type OpeningsMessage,
} from "@cuelight/player/core";
import { expect, test } from "vitest";
import { away, bars, lightOf, reach, togetherness, why } from "../src/openings-view.ts";

const example = decodeServer(
  readFileSync(new URL("../../interact/wire/testdata/server/openings.json", import.meta.url), "utf8"),
) as OpeningsMessage;
const plain = (text: string): string => text.replace(/[\u00a0\u202f]/gu, " ");
const cue = (state: CueState): Cue => ({
  id: "c1",
  rev: 1,
  kind: "poll",
  policy: "wall",
  state,
  window_ms: millis(20_000),
  choices: 2,
  results: "live",
});
const openings = (change: Partial<OpeningsMessage>): OpeningsMessage => ({ ...example, ...change });
const light = (state: CueState, change?: Partial<OpeningsMessage>): string => {
  const { colour, words } = lightOf(cue(state), change && openings(change));
  return `${colour}: ${plain(words)}`;
};

test("the light is grey as long as there is nothing to wait for", () => {
  expect(light("armed")).toBe("grey: Windows are not open yet");
  expect(light("open", { clear: false })).toBe("grey: Windows are open");
  expect(light("paused", { clear: false })).toBe("grey: Windows are open");
  expect(light("void", { clear: true })).toBe("grey: Withdrawn");
});

test("the light is amber while windows close, with how many have", () => {
  expect(light("closing", { clear: false, closed: 18, reported: 20 })).toBe("amber: 18 of 20 windows closed");
  expect(lightOf(cue("closed"), openings({ clear: false, closed: 18, reported: 20 })).closed).toBe(0.9);
  expect(light("closing")).toBe("amber: Waiting for the first screens to close");
});

test("the light is green when the server says so, whatever the share", () => {
  expect(light("closed", { clear: true, closed: 398, reported: 400 })).toBe("green: Clear: 99.5 % closed");
  expect(light("closed", { clear: true, closed: 1999, reported: 2000 })).toBe("green: Clear: 99.9 % closed");
  expect(light("closed", { clear: true, closed: 20, reported: 20 })).toBe(
    "green: Clear: all 20 windows are closed",
  );
  expect(light("closed", { clear: true, closed: 1, reported: 1 })).toBe("green: Clear: the window is closed");
  expect(light("closed", { clear: true, closed: 18, reported: 20 })).toBe(
    "green: Clear: 18 closed, the others have left",
  );
  expect(light("closed", { clear: true, closed: 0, reported: 0 })).toBe("green: Clear: no window was open");
});

test("a window that closed was open, even if its opening was never reported", () => {
  expect(light("closing", { clear: false, closed: 2, reported: 0 })).toBe("amber: 2 of 2 windows closed");
  expect(light("closed", { clear: true, closed: 2, reported: 0 })).toBe(
    "green: Clear: all 2 windows are closed",
  );
});

test("99.5 % is never said of less", () => {
  expect(light("closed", { clear: true, closed: 9949, reported: 10_000 })).toMatch(/the others have left/);
});

test("the columns are what is below, twenty steps, and what is above", () => {
  const columns = bars(example.histogram);
  expect(columns).toHaveLength(22);
  expect(columns.map(({ outside }) => outside)).toEqual([
    true,
    ...Array.from({ length: 20 }, () => false),
    true,
  ]);
  expect(columns.reduce((sum, { count }) => sum + count, 0)).toBe(408);
  expect(Math.max(...columns.map(({ height }) => height))).toBe(1);
  expect(columns.map(({ label }) => plain(label)).filter((_, i) => [0, 1, 10, 11, 21].includes(i))).toEqual([
    "more than 100 ms early",
    "−100 to −90 ms",
    "−10 to 0 ms",
    "0 to +10 ms",
    "more than 100 ms late",
  ]);
});

test("a histogram of nothing is flat", () => {
  const empty = { ...example.histogram, counts: example.histogram.counts.map(() => 0), above: 0 };
  expect(bars(empty).every(({ height }) => height === 0)).toBe(true);
});

test("says who was out and why in plain words", () => {
  for (const reason of ["hidden", "paused", "behind", "clock", "late", "key", "slow"]) {
    expect(why(reason)).toMatch(/ /);
    expect(why(reason)).not.toBe(reason);
  }
  expect(why("unheard-of")).toBe("unheard-of");
  expect(why("")).toBe("no reason given");
  const who = { participant: "p", class: "far", why: "behind" };
  expect(plain(away({ ...who, away_us: micros(131_000) }))).toBe("131 ms late");
  expect(plain(away({ ...who, away_us: micros(-1_310_000) }))).toBe("1.31 s early");
  expect(away({ ...who, away_us: micros(0) })).toBe("on time");
});

test("sums a cue up for reach and rundown", () => {
  expect(reach(example)).toBe("405 of 412");
  expect(plain(togetherness(example))).toBe("95 % within 15 ms");
  expect(togetherness(openings({ reported: 0 }))).toBe("");
  expect(togetherness(undefined)).toBe("");
});
