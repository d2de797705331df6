/**
 * A cue as it is on the wire.
 *
 * @module
 */
import type { Micros, Millis, Ticks } from "./units.ts";

/** States of a cue, in the order in which it passes them within one revision; open and paused have the same rank. */
export const CUE_STATES = [
  "draft", // prepared, not taken
  "scheduled", // O is known and may still move
  "armed", // everybody knows O; the text is sealed
  "keyed", // the key is out, the window not open yet
  "open", // answers count
  "paused", // answers do not count for a while
  "closing", // C has passed, grace runs
  "closed", // the tally is final
  "revealed", // result, and right answer if any, are public
  "cancelled", // withdrawn before anybody saw it
  "void", // withdrawn after it may have been seen
] as const;

/** State of a cue. */
export type CueState = (typeof CUE_STATES)[number];

/** What is asked: an opinion, or a question with one right answer. */
export type Kind = "poll" | "trivia";

/** When viewers see the bars: while people answer, or at reveal. */
export type Results = "live" | "reveal";

/** The place on screen of a cue that names none. */
export const MAIN_SLOT = "main";

/** Question and options. */
export interface Text {
  readonly title: string;
  readonly options: readonly string[];
}

/** A text, encrypted with AES-256-GCM. Binary values are base64url without padding. */
export interface Seal {
  /** Names the key: 16 bytes. */
  readonly kid: string;
  /** 12 bytes. */
  readonly iv: string;
  /** The encrypted JSON of {@link Text}, and the tag. */
  readonly ct: string;
  /** The revision of the cue at which it was sealed. */
  readonly rev: number;
}

/** One interaction with its place on the timeline. */
export interface Cue {
  readonly id: string;
  readonly rev: number;
  readonly kind: Kind;
  /** What opens it: "wall" (O), "playhead" (the own picture), "archive" (the own picture; nobody answers). */
  readonly policy: string;
  /** Its place on screen; missing for {@link MAIN_SLOT}. */
  readonly slot?: string;
  readonly state: CueState;
  /** The window is [o_us, c_us) on R. Missing while a draft. */
  readonly o_us?: Micros;
  /** While the cue is paused without a `resume_us`, only what was planned. */
  readonly c_us?: Micros;
  /** T; missing if the cue hangs on R alone. */
  readonly media?: Ticks;
  /** How long after O a playhead cue may still open. */
  readonly max_lag_ms?: Millis;
  /** The last pause: from when on answers do not count, and from when on they do again, once that is known. */
  readonly pause_us?: Micros;
  readonly resume_us?: Micros;
  /** What is left of the window at `pause_us`. */
  readonly remaining_ms?: Millis;
  /** The planned length of the window. */
  readonly window_ms: Millis;
  /** Number of options. */
  readonly choices: number;
  readonly results: Results;
  /** An answer may be changed until C. */
  readonly changes?: boolean;
  /** Viewers send later, each by its own delay of up to this: see `sendDelay`. */
  readonly spread_ms?: Millis;
  /** Sent to producers. Of viewers' cues the room adds it, once it has the key of the seal. */
  readonly text?: Text;
  /** The text as viewers are sent it, from armed on. */
  readonly seal?: Seal;
  /** Opens the seal; from keyed on. Base64url of 32 bytes. */
  readonly key?: string;
  /** Index of the right option: for viewers only once revealed. */
  readonly correct?: number;
  /** Says to producers that the picture stopped before the cue could be armed: it waits for a decision. */
  readonly orphaned?: boolean;
  /** Says to producers that the result comes once the light is green. */
  readonly reveal_armed?: boolean;
  /** Says to producers why the cue is as it is. */
  readonly note?: string;
}
