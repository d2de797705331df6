/** What is left of the shows of a channel, as the API has it. */
import { ShapeError } from "@cuelight/player/core";

/** One run of a rundown. */
export interface Show {
  /** Newer ones are higher. */
  readonly id: number;
  /** When its first cue was taken, in µs on R. */
  readonly started_us: number;
  /** When its last window ended or its last cue was taken, in µs on R. */
  readonly last_us: number;
  /** In µs on R; missing while it is on air. */
  readonly ended_us?: number;
  readonly ended_by?: "producer" | "quiet";
  /** How many of its cues are finished. */
  readonly cues: number;
}

/** Some shows, newest first. */
export interface ShowsPage {
  readonly shows: readonly Show[];
  /** Asks for the next page; missing on the last one. */
  readonly next?: number;
}

/** An option of a cue, and how many chose it. */
export interface ShowOption {
  readonly label: string;
  readonly count: number;
}

/** What became of a cue. */
export interface ShowResult {
  readonly cue: string;
  readonly kind: string;
  readonly title: string;
  readonly state: string;
  /** Its window on R, in µs, or the one that was planned; missing if there was none. */
  readonly open_us?: number;
  readonly close_us?: number;
  /** Index of the right option; missing for a poll. */
  readonly correct?: number;
  readonly options: readonly ShowOption[];
  /** How many participants were counted. */
  readonly total: number;
  /** The answers themselves were recorded, not the counts alone. */
  readonly complete: boolean;
  /** Why the cue is as it is. */
  readonly note?: string;
}

/** A show with its cues, in the order in which they opened. */
export interface ShowResults {
  readonly show: Show;
  readonly results: readonly ShowResult[];
}

/** How a show is downloaded. */
export type ExportFormat = "csv" | "json";

/** Reads an answer of the API. @throws ShapeError */
export function readShowsPage(value: unknown): ShowsPage {
  const page = record(value, "a page of shows");
  const next = optional(page, "next");
  return { shows: listOf(page, "shows").map(readShow), ...(next === undefined ? {} : { next }) };
}

/** Reads an answer of the API. @throws ShapeError */
export function readShowResults(value: unknown): ShowResults {
  const answer = record(value, "a show with its results");
  return { show: readShow(answer["show"]), results: listOf(answer, "results").map(readResult) };
}

function readShow(value: unknown): Show {
  const show = record(value, "a show");
  const ended = instant(show, "ended_us");
  const by = show["ended_by"];
  return {
    id: whole(show, "id"),
    started_us: whole(show, "started_us"),
    last_us: whole(show, "last_us"),
    ...(ended === undefined ? {} : { ended_us: ended }),
    ...(by === "producer" || by === "quiet" ? { ended_by: by } : {}),
    cues: whole(show, "cues"),
  };
}

function readResult(value: unknown): ShowResult {
  const result = record(value, "a result");
  const [open, close] = [instant(result, "open_us"), instant(result, "close_us")];
  const correct = optional(result, "correct");
  const note = result["note"];
  return {
    cue: text(result, "cue"),
    kind: text(result, "kind"),
    title: text(result, "title"),
    state: text(result, "state"),
    ...(open === undefined ? {} : { open_us: open }),
    ...(close === undefined ? {} : { close_us: close }),
    ...(correct === undefined ? {} : { correct }),
    options: listOf(result, "options").map(readOption),
    total: whole(result, "total"),
    complete: result["complete"] === true,
    ...(typeof note === "string" && note !== "" ? { note } : {}),
  };
}

function readOption(value: unknown): ShowOption {
  const option = record(value, "an option");
  return { label: text(option, "label"), count: whole(option, "count") };
}

function record(value: unknown, what: string): Record<string, unknown> {
  if (typeof value !== "object" || value === null) throw new ShapeError(`${what} is an object`);
  return value as Record<string, unknown>;
}

function listOf(value: Record<string, unknown>, name: string): readonly unknown[] {
  const list = value[name];
  if (!Array.isArray(list)) throw new ShapeError(`${name} are a list`);
  return list;
}

function whole(value: Record<string, unknown>, name: string): number {
  const n = value[name];
  if (typeof n !== "number" || !Number.isSafeInteger(n))
    throw new ShapeError(`${name} is not a whole number`);
  return n;
}

/** What the server leaves out, or sends as null, is missing. */
const optional = (value: Record<string, unknown>, name: string): number | undefined =>
  value[name] === undefined || value[name] === null ? undefined : whole(value, name);

/** An instant that there never was is sent as 0. */
const instant = (value: Record<string, unknown>, name: string): number | undefined =>
  optional(value, name) || undefined;

function text(value: Record<string, unknown>, name: string): string {
  const t = value[name];
  if (typeof t !== "string") throw new ShapeError(`${name} is not a text`);
  return t;
}
