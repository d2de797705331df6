/**
 * Starts a paused element so that its frames are on screen when they are due.
 *
 * @module
 */
import { type Micros, type Millis, micros, millis, type Seconds, seconds } from "../core/index.ts";

const LEAD = 350; // ms: between the decision and the first moving frame
const RUNWAY = 0.7; // s of media wanted ahead of the start
const EDGE = 0.001; // s inside a stretch, where rounding cannot put the playhead outside of it
const PATIENCE = 6000; // ms to wait for that
const STEP = 60; // ms between looks at the buffer

/** What an alignment needs to know. Every reading may be undefined while it is not known yet. */
export interface Due {
  /** R now. */
  now(): Micros | undefined;
  /** The position that is due at `instant`. */
  positionAt(instant: Micros): Seconds | undefined;
  /** When position `at` is due. */
  dueAt(at: Seconds): Micros | undefined;
  /** From play() to the first moving frame, on this device. */
  readonly startDelay: Millis;
}

/** A place to start from. */
export interface StartPoint {
  readonly position: Seconds;
  /** Until the position is due. */
  readonly wait: Millis;
}

/** A stretch of media in the buffer. */
export interface Stretch {
  readonly start: Seconds;
  readonly end: Seconds;
}

/**
 * Where to start, given what is buffered: at what is due shortly, or, if only
 * later media is there, at its beginning, which is then held until it is due.
 * Undefined if what is due is not buffered yet. Pure.
 */
export function startPoint(buffered: readonly Stretch[], due: Due): StartPoint | undefined {
  const now = due.now();
  if (now === undefined) return undefined;
  const wanted = due.positionAt(micros(now + LEAD * 1000));
  if (wanted === undefined) return undefined;
  const from = (s: Stretch): Seconds => seconds(Math.max(wanted, s.start + EDGE));
  const stretch = buffered.find((s) => s.end - RUNWAY > from(s));
  if (stretch === undefined) return undefined;
  const position = from(stretch);
  const at = due.dueAt(position);
  return at === undefined ? undefined : { position, wait: millis((at - now) / 1000) };
}

/** What is buffered in `video`. */
export function stretches(video: HTMLVideoElement): Stretch[] {
  const { buffered } = video;
  return Array.from({ length: buffered.length }, (_, i) => ({
    start: seconds(buffered.start(i)),
    end: seconds(buffered.end(i)),
  }));
}

/** Waits `ms`; ends early, without an error, when `signal` aborts. */
export const pause = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, Math.max(0, ms));
    signal.addEventListener("abort", done);
  });

/**
 * Seeks the paused `video` to what is due shortly and returns at the moment
 * when it has to be played. Returns at once, without a seek, when there is
 * still nothing to align with after six seconds, or when `signal` aborts.
 *
 * @returns whether the start is aligned.
 */
export async function align(video: HTMLVideoElement, due: Due, signal: AbortSignal): Promise<boolean> {
  const deadline = performance.now() + PATIENCE;
  while (!signal.aborted && performance.now() < deadline) {
    const start = startPoint(stretches(video), due);
    if (start === undefined) {
      await pause(STEP, signal);
      continue;
    }
    await seek(video, start.position, signal);
    const at = due.dueAt(start.position);
    const now = due.now();
    if (at === undefined || now === undefined) continue;
    const wait = (at - now) / 1000 - due.startDelay;
    if (wait < 0 && performance.now() < deadline - PATIENCE / 2) continue; // the seek took longer than its lead
    await pause(wait, signal);
    return !signal.aborted;
  }
  return false;
}

const HAVE_FUTURE_DATA = 3;

async function seek(video: HTMLVideoElement, position: Seconds, signal: AbortSignal): Promise<void> {
  video.currentTime = position;
  for (let i = 0; i < 50 && !signal.aborted; i++) {
    if (!video.seeking && video.readyState >= HAVE_FUTURE_DATA) return;
    await pause(20, signal);
  }
}
