/**
 * What the overlay shows, made from the room's state. Pure.
 *
 * @module
 */
import {
  type Cue,
  type CuePhase,
  type Kind,
  type Millis,
  millis,
  type Receipt,
  type RefusedMessage,
  type RoomReader,
  type RoomState,
  refusalReason,
  type Staged,
  type Tally,
  timeLeft,
} from "../core/index.ts";

/** How this viewer's answer stands. */
export type AnswerView =
  | { readonly is: "none" }
  | { readonly is: "sending"; readonly choice: number }
  | {
      readonly is: "counted";
      readonly choice: number;
      readonly seq: number;
      /** It is not the first one of this viewer. */
      readonly changed: boolean;
      /** Why a later choice does not count; empty for nothing. */
      readonly note: string;
    }
  /** Not counted. `again` says that another try makes sense. */
  | { readonly is: "refused"; readonly message: string; readonly again: boolean };

/** One option. */
export interface OptionView {
  readonly label: string;
  readonly votes: number;
  /** Of all votes, from 0 to 1. */
  readonly share: number;
}

/** One cue on the overlay. */
export interface OverlayView {
  readonly cue: string;
  readonly kind: Kind;
  readonly title: string;
  readonly options: readonly OptionView[];
  /** "waiting" is rendered but not visible. */
  readonly phase: Exclude<CuePhase, "draft" | "gone">;
  /** C on this device's clock; undefined without one, and while paused. */
  readonly closesAt: Millis | undefined;
  /** What is left of the window while it is paused. */
  readonly left: Millis | undefined;
  readonly window: Millis;
  readonly answer: AnswerView;
  /** Votes, if they are public to this viewer by now. */
  readonly total: number | undefined;
  /** Index of the right option, once it is public. */
  readonly correct: number | undefined;
  /** The picture is more than a second behind. */
  readonly behind: boolean;
  /** Why nobody can answer here, in words; empty if they can. */
  readonly mute: string;
  /** An answer may be changed until C. */
  readonly changes: boolean;
  /** From when on the browser may show it by itself, on the document's timeline. */
  readonly opensAt: Millis | undefined;
}

/** What the view is made of besides the cue. */
export interface OverlayHints {
  /** The picture is more than a second behind. Default no. */
  readonly behind?: boolean;
  /** See {@link OverlayView.mute}. Default empty. */
  readonly mute?: string;
  /** See {@link OverlayView.opensAt}. Default undefined. */
  readonly opensAt?: Millis | undefined;
}

const hopeful: ReadonlySet<string> = new Set([
  "early",
  "too_fast",
  "unknown_option",
  "busy",
  "unavailable",
  "too_many",
  "internal",
]);

function answerView(state: RoomState, { id, changes }: Cue): AnswerView {
  const receipt = state.receipts.get(id);
  const sending = state.sending.get(id);
  const refusal = state.refusals.get(id);
  if (sending !== undefined && (changes === true || receipt === undefined)) {
    return { is: "sending", choice: sending.choice[0] ?? -1 };
  }
  if (receipt !== undefined) return countedView(receipt, changes === true ? refusal : undefined);
  return refusal === undefined ? { is: "none" } : refusedView(refusal);
}

const countedView = (
  { choice, seq, changes = 0 }: Receipt,
  refusal: RefusedMessage | undefined,
): AnswerView => ({
  is: "counted",
  choice: choice[0] ?? -1,
  seq,
  changed: changes > 0,
  note: refusal === undefined ? "" : refusalReason(refusal),
});

const refusedView = (refusal: RefusedMessage): AnswerView => ({
  is: "refused",
  message: refusalReason(refusal),
  again: hopeful.has(refusal.code),
});

/** Bars sway those who have not answered: they wait for the answer or the end of the window. */
function publicTally(state: RoomState, { cue, phase }: Staged): Tally | undefined {
  const open = asks(phase) && !state.receipts.has(cue.id);
  return open || phase === "waiting" ? undefined : state.tallies.get(cue.id);
}

/** The view of a staged cue; undefined if there is nothing to show: no text yet, or withdrawn. */
export function overlayView(
  state: RoomState,
  staged: Staged,
  clock: Pick<RoomReader, "localAt">,
  { behind = false, mute = "", opensAt }: OverlayHints = {},
): OverlayView | undefined {
  const { cue, phase } = staged;
  if (cue.text === undefined || phase === "draft" || phase === "gone") return undefined;
  const answer = answerView(state, cue);
  const tally = publicTally(state, staged);
  const time = timeLeft(cue, phase === "paused");
  const votes = (i: number): number => tally?.counts[i] ?? 0;
  const total = tally?.counts.reduce((a, b) => a + b, 0) ?? 0;
  return {
    cue: cue.id,
    kind: cue.kind,
    title: cue.text.title,
    options: cue.text.options.map((label, i) => ({
      label,
      votes: votes(i),
      share: total === 0 ? 0 : votes(i) / total,
    })),
    phase,
    closesAt: time === undefined || "left" in time ? undefined : wholeMillis(clock.localAt(time.until)),
    left: time !== undefined && "left" in time ? time.left : undefined,
    window: cue.window_ms,
    answer,
    total: tally?.total,
    correct: phase === "revealed" ? cue.correct : undefined,
    behind: behind && phase === "open",
    mute,
    changes: cue.changes === true,
    opensAt,
  };
}

const wholeMillis = (at: Millis | undefined): Millis | undefined =>
  at === undefined ? undefined : millis(Math.round(at));

/** Whether the window is open, though answers may not count just now. */
const asks = (phase: CuePhase): boolean => phase === "open" || phase === "paused";

/** Whether an option can be chosen now. */
export const answerable = (view: OverlayView): boolean =>
  view.phase === "open" &&
  view.mute === "" &&
  (view.answer.is === "refused" ? view.answer.again : view.changes || view.answer.is === "none");

/** What the viewer chose, if anything. */
export const chosen = ({ answer }: OverlayView): number | undefined =>
  answer.is === "sending" || answer.is === "counted" ? answer.choice : undefined;

/** The line under the options: where the viewer's answer and the cue stand. */
export function receiptLine(view: OverlayView): string {
  const { answer } = view;
  switch (answer.is) {
    case "sending":
      return "Sending your answer…";
    case "counted":
      return countedLine(view, answer);
    case "refused":
      return answer.message;
    case "none":
      return unanswered(view);
    default:
      return answer satisfies never;
  }
}

function countedLine(
  { changes, phase }: OverlayView,
  { seq, changed, note }: Extract<AnswerView, { is: "counted" }>,
): string {
  if (note !== "") return `${note} Your earlier answer counts.`;
  const line = `${changed ? "Answer changed" : "Counted"} · #${seq}`;
  return changes && phase === "open" ? `${line} · you may change it` : line;
}

function unanswered({ phase, mute, changes }: OverlayView): string {
  if (mute !== "") return mute;
  if (phase === "paused") return "Paused by the host: answers wait until it goes on.";
  if (phase !== "open" && phase !== "waiting") return "You did not answer.";
  return changes
    ? "Choose one: you may change it until time is up."
    : "Choose one: your first answer counts.";
}

/** What became of the cue, once its window is over. */
export function resultLine(view: OverlayView): string {
  if (asks(view.phase) || view.phase === "waiting") return "";
  if (view.correct !== undefined) return verdict(view, view.correct);
  if (view.phase === "closing") return "Time is up. Counting the last answers…";
  if (view.total === undefined) return "Answers are closed. The result follows.";
  return `Result of ${answers(view.total)}`;
}

function verdict(view: OverlayView, correct: number): string {
  const mine = chosen(view);
  const right = view.options[correct]?.label ?? "";
  if (mine === undefined) return `The answer: ${right}`;
  return mine === correct ? "Right!" : `Not this time. The answer: ${right}`;
}

/** A number of answers in words. */
export const answers = (n: number): string => (n === 1 ? "1 answer" : `${n.toLocaleString("en")} answers`);

/** What a screen reader is told when the view changes from `before` to `after`; empty for nothing. */
export function announcement(before: OverlayView | undefined, after: OverlayView | undefined): string {
  if (after === undefined || after.phase === "waiting") return "";
  const isNew = before === undefined || before.cue !== after.cue || before.phase === "waiting";
  if (isNew && asks(after.phase)) {
    const options = after.options.map((o, i) => `${i + 1}: ${o.label}`).join(". ");
    return `Question: ${after.title} ${options}.`;
  }
  if (before?.phase !== after.phase && after.phase === "paused") return "Paused by the host.";
  if (before?.phase === "paused" && after.phase === "open") return "It goes on: answers count again.";
  if (before !== undefined && before.answer.is !== after.answer.is) return receiptLine(after);
  if (isNew || before.phase !== after.phase) return `${resultLine(after)} ${bars(after)}`.trim();
  return "";
}

const bars = (view: OverlayView): string =>
  view.total === undefined
    ? ""
    : view.options.map((o) => `${o.label}: ${Math.round(o.share * 100)} percent`).join(", ");
