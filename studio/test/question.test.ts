import { type Cue, millis } from "@cuelight/player/core";
import { expect, test } from "vitest";
import {
  blankQuestion,
  characters,
  LIMITS,
  normalize,
  type Question,
  questionOf,
  sortRefusal,
  validate,
} from "../src/question.ts";

const poll: Question = { ...blankQuestion(), title: "Tea or coffee?", options: ["Tea", "Coffee"] };
const trivia: Question = { ...poll, kind: "trivia", correct: 1, results: "reveal" };
const fieldsOf = (q: Question): string[] => validate(q).map((problem) => problem.field);

test("takes what the server takes", () => {
  expect(validate(poll)).toEqual([]);
  expect(validate(trivia)).toEqual([]);
  expect(validate({ ...poll, title: "x".repeat(LIMITS.maxTitle), windowMs: LIMITS.minWindowMs })).toEqual([]);
  expect(
    validate({ ...poll, options: Array.from({ length: 8 }, (_, i) => `o${i}`), windowMs: 600_000 }),
  ).toEqual([]);
});

test.each<[string, Partial<Question>, string[]]>([
  ["an empty title", { title: " \t\u0085 " }, ["title"]],
  ["a title too long by one", { title: "x".repeat(281) }, ["title"]],
  ["one option", { options: ["Tea"] }, ["options"]],
  ["nine options", { options: Array.from({ length: 9 }, (_, i) => `o${i}`) }, ["options"]],
  ["an empty option", { options: ["Tea", " "] }, ["option-1"]],
  ["an option too long by one", { options: ["x".repeat(101), "y"] }, ["option-0"]],
  ["an option twice, but for spaces", { options: ["Tea", " Tea "] }, ["option-1"]],
  ["a window too short", { windowMs: 2999 }, ["window"]],
  ["a window too long", { windowMs: 600_001 }, ["window"]],
  ["a window that is no number", { windowMs: Number.NaN }, ["window"]],
  ["a place with a capital", { slot: "Score" }, ["slot"]],
  ["a place with a name too long", { slot: "x".repeat(33) }, ["slot"]],
  ["a wait after the others that is too long", { policy: "playhead", maxLagMs: 10_001 }, ["lag"]],
  ["a wait of nothing", { policy: "playhead", maxLagMs: 0 }, ["lag"]],
  [
    "several at once, in the form's order",
    { title: "", options: ["", ""], windowMs: 0 },
    ["title", "option-0", "option-1", "window"],
  ],
])("refuses %s", (_, change, want) => {
  expect(fieldsOf({ ...poll, ...change })).toEqual(want);
});

test.each([-1, 2, 0.5])("trivia needs a right option: %d is none", (correct) => {
  expect(fieldsOf({ ...trivia, correct })).toEqual(["correct"]);
});

test("counts characters, not UTF-16 units", () => {
  expect(characters("👍🏽é")).toBe(3);
  expect(validate({ ...poll, title: "🎬".repeat(280) })).toEqual([]);
  expect(fieldsOf({ ...poll, title: "🎬".repeat(281) })).toEqual(["title"]);
});

test("keeps the settings of its kind only", () => {
  expect(normalize({ ...trivia, results: "live" }).results).toBe("reveal");
  expect(normalize({ ...poll, correct: 1 }).correct).toBe(-1);
  expect(normalize({ ...poll, title: " Tea? \u2003", options: [" a", "b "] })).toMatchObject({
    title: "Tea?",
    options: ["a", "b"],
  });
});

test.each(["; ", "\n"])("sorts the server's words to the fields, whatever parts them: %j", (between) => {
  const said = [
    "title: empty",
    'options[2]: "x; y" is there twice',
    "window_ms: 1s is not between 3s and 10m0s",
  ];
  const { problems, rest } = sortRefusal(said.join(between));
  expect(problems).toEqual([
    { field: "title", message: "Empty." },
    { field: "option-2", message: '"x; y" is there twice.' },
    { field: "window", message: "1s is not between 3s and 10m0s." },
  ]);
  expect(rest).toBe("");
});

test("keeps what belongs to no field", () => {
  expect(sortRefusal("A channel keeps at most 500 cues: delete drafts.")).toEqual({
    problems: [],
    rest: "A channel keeps at most 500 cues: delete drafts.",
  });
});

test("the main place has no name, and only a playhead cue has a wait", () => {
  expect(normalize({ ...poll, slot: " main " }).slot).toBe("");
  expect(normalize({ ...poll, slot: " score-2 " }).slot).toBe("score-2");
  expect(normalize({ ...poll, maxLagMs: 0 }).maxLagMs).toBe(LIMITS.defaultLagMs);
  expect(validate({ ...poll, maxLagMs: 0 })).toEqual([]);
  expect(normalize({ ...poll, policy: "playhead", maxLagMs: 3000 }).maxLagMs).toBe(3000);
});

test("a cue's question has its place and policy", () => {
  const cue = {
    id: "c1",
    rev: 1,
    kind: "poll",
    policy: "playhead",
    slot: "score",
    max_lag_ms: millis(500),
    state: "draft",
    window_ms: millis(20_000),
    choices: 2,
    results: "live",
    text: { title: "Tea or coffee?", options: ["Tea", "Coffee"] },
  } as const;
  expect(questionOf(cue)).toEqual({ ...poll, policy: "playhead", slot: "score", maxLagMs: 500 });
  expect(questionOf({ ...cue, policy: "something new" }).policy).toBe("wall");
});

test("a refusal of place or wait goes to its field", () => {
  expect(sortRefusal("slot: not a name; max_lag_ms: too long")).toEqual({
    problems: [
      { field: "slot", message: "Not a name." },
      { field: "lag", message: "Too long." },
    ],
    rest: "",
  });
});

test("a cue whose answers may be changed is prepared again as one", () => {
  const cue = { kind: "poll", results: "live", window_ms: 20000, policy: "wall", choices: 2 } as Cue;
  expect(questionOf(cue).changes).toBe(false);
  expect(questionOf({ ...cue, changes: true } as Cue).changes).toBe(true);
  expect(normalize({ ...questionOf(cue), changes: true }).changes).toBe(true);
});
