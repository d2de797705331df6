/**
 * What feeds a media element, and what it knows of the media's time.
 *
 * @module
 */
import type { CarriedCue, Micros, Seconds, Ticks } from "../core/index.ts";

/** What the source is doing. */
export type SourceState =
  /** Asking for a playlist that is not there yet. */
  | "waiting"
  | "loading"
  /** Media is in the buffer. */
  | "buffered"
  /** The event is over: nothing comes after what is loaded. */
  | "ended"
  | "failed";

/** How to feed an element. */
export interface FeedOptions {
  readonly video: HTMLVideoElement;
  /** Of the multivariant playlist. */
  readonly url: string;
  /** The same with what the viewer was let in with, once it was: for a channel that is not open to everybody. */
  readonly admitted?: () => string | undefined;
  /** The channel's target latency. */
  readonly latency: Seconds;
  /** The state changed. `message` says in plain words what a viewer should know. */
  readonly changed: (state: SourceState, message: string) => void;
  /** A cue came with the media. */
  readonly carried: (cue: CarriedCue) => void;
}

/** Feeds one element. */
export interface Feed {
  /** Starts, and ends when `signal` aborts. */
  start(signal: AbortSignal): void;
  /** The channel went on air, the server is back, or the viewer was let in: a source that waits asks at once. */
  hurry(): void;
  /** Starts over from the playlist. */
  reload(): void;
  /** The target latency changed. */
  latency: Seconds;
  /** Channel media time of position `at`; undefined where nothing was loaded, or the source cannot know. */
  ticksAt(at: Seconds, scale: number): Ticks | undefined;
  /** The position of channel media time `wanted` in the newest domain. */
  positionOf(wanted: Ticks, scale: number): Seconds | undefined;
  /** P of position `at` by the dates of the playlist, which are whole milliseconds. */
  dateAt(at: Seconds): Micros | undefined;
  /** The position of instant P by the dates of the playlist. */
  positionOfDate(instant: Micros): Seconds | undefined;
  /** The discontinuity domain at position `at`. */
  domainAt(at: Seconds): number | undefined;
  /** Where media of the date `wanted` (ms since 1970) go on beyond a hole at `at`. */
  beyondHole(at: Seconds, wanted: number): Seconds | undefined;
}
