import { expect, test } from "vitest";
import {
  blankQuestion,
  characters,
  LIMITS,
  normalize,
  type Question,
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
