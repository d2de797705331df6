/** Past shows in words. Pure. */
import { type Cue, type CueState, millis, type Tally } from "@cuelight/player/core";
import { count } from "./format.ts";
import { sentence } from "./question.ts";
import { stateName } from "./rundown.ts";
import { dayAndTime, span, timeOfDay } from "./schedule.ts";
import type { ExportFormat, Show, ShowResult } from "./shows.ts";

/** Whether it is still going on. */
export const isOnAir = (show: Show): boolean => show.ended_us === undefined;

/** When a show began: `23 Nov 2026, 20:15`. */
export const began = (show: Show): string => dayAndTime(show.started_us);

/** Length and size: `1 h 30 min · 12 questions`. One that is on air has no length yet. */
export function extent(show: Show): string {
  const n = `${count(show.cues)} ${show.cues === 1 ? "question" : "questions"}`;
  return show.ended_us === undefined ? n : `${span((show.ended_us - show.started_us) / 1000)} · ${n}`;
}

/** What ended it; empty if that goes without saying. */
export function ending(show: Show): string {
  if (isOnAir(show)) return "A question is listed once it is finished.";
  return show.ended_by === "quiet" ? "Nobody ended the event: it ended with its last question." : "";
}

/** Whether it was withdrawn before anybody saw it. Its window is what was planned. */
export const neverOpened = (result: ShowResult): boolean =>
  result.open_us === undefined || result.state === "cancelled";

/** The cue of a result, as far as the console shows one. */
export function cueOf(result: ShowResult): Cue {
  const { correct } = result;
  return {
    id: result.cue,
    rev: 0,
    kind: isTrivia(result) ? "trivia" : "poll",
    policy: "wall",
    state: stateOf(result),
    window_ms: millis(((result.close_us ?? 0) - (result.open_us ?? 0)) / 1000),
    choices: result.options.length,
    results: "reveal",
    text: { title: result.title, options: result.options.map(({ label }) => label) },
    ...(correct === undefined ? {} : { correct }),
  };
}

/** Its count, which nothing changes any more. */
export const tallyOf = (result: ShowResult): Tally => ({
  cue: result.cue,
  ver: 0,
  counts: result.options.map((option) => option.count),
  total: result.total,
  final: true,
});

/** Kind, when it opened, and for how long: `Trivia · 20:15:30 · 20 s`. */
export function facts(result: ShowResult): string {
  const { open_us, close_us } = result;
  const kind = isTrivia(result) ? "Trivia" : "Poll";
  if (open_us === undefined || neverOpened(result)) return `${kind} · never opened`;
  const lasted = close_us === undefined ? [] : [span((close_us - open_us) / 1000)];
  return [kind, timeOfDay(open_us), ...lasted].join(" · ");
}

/** The state of a finished cue, and its name. One that this studio does not know is shown as it is. */
export const stateWords = (result: ShowResult): string => stateName[stateOf(result)] ?? result.state;

/** What to know about a result beside its figures; empty for nothing. */
export function remark(result: ShowResult): string {
  const words = result.note === undefined ? [] : [result.note];
  if (result.state === "void") words.push("No answer counts.");
  if (!result.complete && result.total > 0) {
    words.push("Only the counts were kept: the downloads have no answers of this question.");
  }
  return words.map(sentence).join(" ");
}

/** Name of the file: channel, day and number of the show. */
export function fileName(channel: string, show: Show, format: ExportFormat): string {
  const at = new Date(show.started_us / 1000);
  const day = [at.getFullYear(), at.getMonth() + 1, at.getDate()].map((n) => String(n).padStart(2, "0"));
  return `${channel.replace(/[^\p{L}\p{N}._-]+/gu, "-")}-${day.join("-")}-show-${show.id}.${format}`;
}

const isTrivia = (result: ShowResult): boolean => result.kind === "trivia";

const stateOf = (result: ShowResult): CueState => result.state as CueState;
