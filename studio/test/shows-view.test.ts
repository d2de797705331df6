import { expect, test } from "vitest";
import type { Show, ShowResult } from "../src/shows.ts";
import {
  began,
  cueOf,
  ending,
  extent,
  facts,
  fileName,
  isOnAir,
  remark,
  stateWords,
  tallyOf,
} from "../src/shows-view.ts";

const plain = (text: string): string => text.replace(/[\u00a0\u202f]/gu, " ");
const at = (...when: [number, number, number, number, number, number?]): number =>
  new Date(...(when as [number, number, number, number, number])).getTime() * 1000;
const start = at(2026, 10, 23, 20, 15);
const over: Show = {
  id: 7,
  started_us: start,
  last_us: start + 5_300_000_000,
  ended_us: start + 5_400_000_000,
  ended_by: "producer",
  cues: 12,
};
const running: Show = { id: 8, started_us: start, last_us: start + 60_000_000, cues: 1 };
const trivia: ShowResult = {
  cue: "c1",
  kind: "trivia",
  title: "Which one?",
  state: "revealed",
  open_us: at(2026, 10, 23, 20, 15, 30),
  close_us: at(2026, 10, 23, 20, 15, 50),
  correct: 1,
  options: [
    { label: "This", count: 3 },
    { label: "That", count: 9 },
  ],
  total: 12,
  complete: true,
};

test("says of a show when it began, how long it was, and how many questions it had", () => {
  expect(began(over)).toBe("23 Nov 2026, 20:15");
  expect(plain(extent(over))).toBe("1 h 30 min · 12 questions");
  expect(plain(extent({ ...over, cues: 1234, ended_us: start + 65_000_000 }))).toBe(
    "1 min 5 s · 1 234 questions",
  );
});

test("a show without an end is on air, and its length is not made up", () => {
  expect(isOnAir(over)).toBe(false);
  expect(isOnAir(running)).toBe(true);
  expect(extent(running)).toBe("1 question");
  expect(ending(running)).toMatch(/once it is finished/);
});

test("says that nobody ended it, and nothing where a producer did", () => {
  expect(ending({ ...over, ended_by: "quiet" })).toMatch(/^Nobody ended/);
  expect(ending(over)).toBe("");
});

test("a result is shown as the console shows a cue that is over", () => {
  const cue = cueOf(trivia);
  expect(cue).toMatchObject({ id: "c1", kind: "trivia", state: "revealed", correct: 1, choices: 2 });
  expect(cue.text).toEqual({ title: "Which one?", options: ["This", "That"] });
  expect(tallyOf(trivia)).toMatchObject({ cue: "c1", counts: [3, 9], total: 12, final: true });
  const { correct: _, ...poll } = { ...trivia, kind: "poll" };
  expect(cueOf(poll)).not.toHaveProperty("correct");
});

test("says when a question opened and for how long, or that it never did", () => {
  expect(plain(facts(trivia))).toBe("Trivia · 20:15:30 · 20 s");
  expect(facts({ ...trivia, kind: "poll", state: "cancelled" })).toBe("Poll · never opened");
  const { open_us: _o, close_us: _c, ...unknown } = { ...trivia, state: "void" };
  expect(facts(unknown)).toBe("Trivia · never opened");
});

test("names the state; one of a later server stays as it is", () => {
  expect(stateWords(trivia)).toBe("Revealed");
  expect(stateWords({ ...trivia, state: "archived" })).toBe("archived");
});

test("remarks on what the figures do not say", () => {
  expect(remark(trivia)).toBe("");
  expect(remark({ ...trivia, state: "void", note: "withdrawn" })).toBe("Withdrawn. No answer counts.");
  expect(remark({ ...trivia, complete: false })).toMatch(/Only the counts/);
  expect(remark({ ...trivia, complete: false, total: 0 })).toBe("");
});

test("a file has a name that every system takes", () => {
  expect(fileName("show", over, "csv")).toBe("show-2026-11-23-show-7.csv");
  expect(fileName("a/b: c", over, "json")).toBe("a-b-c-2026-11-23-show-7.json");
});
