import { expect, test } from "vitest";
import { dayAndTime, openAt, span, timeOfDay } from "../src/schedule.ts";

const at = (hours: number, minutes: number, seconds = 0, day = 23): number =>
  new Date(2026, 10, day, hours, minutes, seconds).getTime() * 1000;
const plain = (text: string): string => text.replace(/\u00a0/gu, " ");

test("a time to come is of today", () => {
  const open = openAt("20:15:30", at(20, 0));
  expect(open).toMatchObject({ ok: true, openUs: at(20, 15, 30) });
  expect(open.ok && plain(open.words)).toBe("Today, in 15 min 30 s");
});

test("a time without seconds is the full minute", () => {
  expect(openAt("20:15", at(20, 0))).toMatchObject({ ok: true, openUs: at(20, 15) });
});

test("shortly before midnight, a time after it is of tomorrow", () => {
  const open = openAt("00:10", at(23, 50));
  expect(open).toMatchObject({ ok: true, openUs: at(0, 10, 0, 24), inMs: 20 * 60_000 });
  expect(open.ok && open.words).toMatch(/^Tomorrow/);
});

test.each([
  ["that has just passed", "19:59:59", /has passed/],
  ["that leaves too little time", "20:00:01", /too soon/],
  ["that is none", "25 o'clock", /time of day/],
])("refuses a time %s instead of guessing", (_, time, words) => {
  const open = openAt(time, at(20, 0));
  expect(open.ok).toBe(false);
  expect(!open.ok && open.problem).toMatch(words);
});

test("without a room clock nothing is scheduled", () => {
  expect(openAt("20:15", undefined)).toMatchObject({ ok: false });
});

test.each([
  [0, "0 s"],
  [12_400, "12 s"],
  [245_000, "4 min 5 s"],
  [4_800_000, "1 h 20 min"],
])("writes a wait of %d ms as %s", (ms, want) => {
  expect(plain(span(ms))).toBe(want);
});

test("writes instants as the machine's clock shows them", () => {
  expect(timeOfDay(at(9, 5, 7))).toBe("09:05:07");
  expect(dayAndTime(at(20, 15))).toBe("23 Nov 2026, 20:15");
});
