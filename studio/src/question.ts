/**
 * A question as a producer prepares it, and what is wrong with it. The limits
 * and rules are those the server enforces (`interact.Question`), so that a form
 * says while typing what the server would say afterwards.
 */

import { type Cue, type Kind, MAIN_SLOT, type Results } from "@cuelight/player/core";

/** Limits of a question, as the server has them. */
export const LIMITS = {
  minOptions: 2,
  maxOptions: 8,
  maxTitle: 280,
  maxOption: 100,
  minWindowMs: 3_000,
  maxWindowMs: 600_000,
  defaultWindowMs: 20_000,
  maxLagMs: 10_000,
  defaultLagMs: 2_000,
} as const;

/** What opens a cue on a screen: the room clock, the viewer's own picture, or that without answers. */
export type Policy = "wall" | "playhead" | "archive";

/** What a producer prepares. */
export interface Question {
  readonly kind: Kind;
  readonly title: string;
  readonly options: readonly string[];
  /** Index of the right option of a trivia question; -1 while none is marked, and for polls. */
  readonly correct: number;
  readonly results: Results;
  /** How long answers count, in ms. */
  readonly windowMs: number;
  readonly policy: Policy;
  /** The place on screen; empty for the main one. */
  readonly slot: string;
  /** How long after its instant a playhead cue may still open, in ms. */
  readonly maxLagMs: number;
  /** An answer may be changed until the window closes; the last one counts. */
  readonly changes: boolean;
}

/** The place in the form that a problem belongs to. `option-2` is the third option. */
export type Field =
  | "kind"
  | "title"
  | "options"
  | `option-${number}`
  | "correct"
  | "results"
  | "window"
  | "policy"
  | "slot"
  | "lag";

/** One thing that is wrong, in words a producer can act on. */
export interface Problem {
  readonly field: Field;
  readonly message: string;
}

/** A new question with every setting at its default. */
export const blankQuestion = (): Question => ({
  kind: "poll",
  title: "",
  options: ["", ""],
  correct: -1,
  results: "live",
  windowMs: LIMITS.defaultWindowMs,
  policy: "wall",
  slot: "",
  maxLagMs: LIMITS.defaultLagMs,
  changes: false,
});

/** The question of a cue, to be edited or prepared again. */
export const questionOf = (cue: Cue): Question => ({
  kind: cue.kind,
  title: cue.text?.title ?? "",
  options: cue.text?.options ?? ["", ""],
  correct: cue.correct ?? -1,
  results: cue.results,
  windowMs: cue.window_ms,
  policy: isPolicy(cue.policy) ? cue.policy : "wall",
  slot: cue.slot ?? "",
  maxLagMs: cue.max_lag_ms ?? LIMITS.defaultLagMs,
  changes: cue.changes === true,
});

const isPolicy = (name: string): name is Policy =>
  name === "wall" || name === "playhead" || name === "archive";

/** Characters as the server counts them: code points, not UTF-16 units. */
export const characters = (text: string): number => [...text].length;

/** Cuts white space at both ends, by the same definition of white space as the server. */
export const trimmed = (text: string): string => text.replace(/^\p{White_Space}+|\p{White_Space}+$/gu, "");

/** The question as it is stored: texts trimmed, and settings that its kind does not have at their only value. */
export function normalize(q: Question): Question {
  const trivia = q.kind === "trivia";
  return {
    ...q,
    title: trimmed(q.title),
    options: q.options.map(trimmed),
    correct: trivia ? q.correct : -1,
    results: trivia ? "reveal" : q.results,
    slot: trimmed(q.slot) === MAIN_SLOT ? "" : trimmed(q.slot),
    maxLagMs: q.policy === "playhead" ? q.maxLagMs : LIMITS.defaultLagMs,
  };
}

/** Everything that is wrong with `q`, in the order of the form. Empty if the server would take it. */
export function validate(q: Question): Problem[] {
  const tidy = normalize(q);
  return [
    ...titleProblems(tidy),
    ...optionProblems(tidy),
    ...correctProblems(tidy),
    ...windowProblems(tidy),
    ...placeProblems(tidy),
  ];
}

function titleProblems(q: Question): Problem[] {
  const message = textProblem(q.title, LIMITS.maxTitle, "Empty: write the question.");
  return message === undefined ? [] : [{ field: "title", message }];
}

function optionProblems(q: Question): Problem[] {
  const problems: Problem[] = [];
  const { minOptions, maxOptions } = LIMITS;
  if (q.options.length < minOptions || q.options.length > maxOptions) {
    const message = `${q.options.length} given, between ${minOptions} and ${maxOptions} are needed.`;
    problems.push({ field: "options", message });
  }
  const seen = new Set<string>();
  q.options.forEach((option, i) => {
    const message =
      textProblem(option, LIMITS.maxOption, "Empty: write an answer or remove it.") ??
      (seen.has(option) ? `“${option}” is there twice.` : undefined);
    seen.add(option);
    if (message !== undefined) problems.push({ field: `option-${i}`, message });
  });
  return problems;
}

function textProblem(text: string, limit: number, empty: string): string | undefined {
  const n = characters(text);
  if (n === 0) return empty;
  return n > limit ? `${n} characters, at most ${limit} fit on a phone.` : undefined;
}

function correctProblems(q: Question): Problem[] {
  if (q.kind !== "trivia") return [];
  if (Number.isInteger(q.correct) && q.correct >= 0 && q.correct < q.options.length) return [];
  return [{ field: "correct", message: `Mark which of the ${q.options.length} answers is right.` }];
}

function windowProblems(q: Question): Problem[] {
  const { minWindowMs, maxWindowMs } = LIMITS;
  if (q.windowMs >= minWindowMs && q.windowMs <= maxWindowMs) return [];
  return [{ field: "window", message: "Between 3 seconds and 10 minutes." }];
}

function placeProblems(q: Question): Problem[] {
  const problems: Problem[] = [];
  if (q.slot !== "" && !/^[a-z0-9-]{1,32}$/.test(q.slot)) {
    problems.push({
      field: "slot",
      message: "Up to 32 of a–z, 0–9 and “-”. Leave it empty for the main place.",
    });
  }
  if (!(q.maxLagMs > 0 && q.maxLagMs <= LIMITS.maxLagMs)) {
    problems.push({ field: "lag", message: "More than nothing, and 10 seconds at most." });
  }
  return problems;
}

const names = "kind|title|options|correct|results|window|policy|slot|max_lag";
const problemLine = new RegExp(`^(${names})(?:_ms)?(?:\\[(\\d+)\\])?: (.+)$`, "u");
const problemEnd = new RegExp(`\\n|; (?=(?:${names})(?:_ms)?(?:\\[\\d+\\])?: )`, "u");

/**
 * Sorts a refusal of the server (`title: empty; options[1]: empty`) to the
 * fields of the form. What belongs to no field is `rest`, to be shown beside the
 * button.
 */
export function sortRefusal(message: string): { readonly problems: Problem[]; readonly rest: string } {
  const problems: Problem[] = [];
  const rest: string[] = [];
  for (const line of message.split(problemEnd).map(trimmed).filter(Boolean)) {
    const [, name, index, words] = problemLine.exec(line) ?? [];
    if (name === undefined || words === undefined) rest.push(line);
    else problems.push({ field: fieldNamed(name, index), message: sentence(words) });
  }
  return { problems, rest: rest.join(" ") };
}

function fieldNamed(name: string, index: string | undefined): Field {
  if (name === "max_lag") return "lag";
  return index === undefined ? (name as Field) : `option-${Number(index)}`;
}

/** Starts with a capital and ends with a full stop. */
export function sentence(text: string): string {
  const body = trimmed(text);
  if (body === "") return "";
  return body.charAt(0).toUpperCase() + body.slice(1) + (/[.!?…]$/u.test(body) ? "" : ".");
}
