/**
 * How late the frames on screen are.
 *
 * @module
 */
import { type Micros, type Millis, millis, type Seconds, seconds } from "../core/index.ts";
import { PositionFit } from "./position-fit.ts";

/** A frame on screen, and when it was due. */
export interface FrameSample {
  /** When it is shown, on this device's clock. */
  readonly at: Millis;
  /** How late; negative if early. */
  readonly error: Millis;
}

const SPAN = 500;
const LONG_SPAN = 1000; // of slow pictures, which show fewer than five frames in SPAN
const ENOUGH = 5;

/** Median error of the frames of the last half second. Pure; time is an argument. */
export class ErrorWindow {
  #samples: FrameSample[] = [];

  /** Takes a frame. */
  add(sample: FrameSample): void {
    this.#samples.push(sample);
    const oldest = sample.at - LONG_SPAN;
    while ((this.#samples[0]?.at ?? oldest) < oldest) this.#samples.shift();
  }

  /** Forgets every frame: the next ones are of another time. */
  clear(): void {
    this.#samples = [];
  }

  /** The median at `now`; undefined with fewer than five frames in the last second. */
  median(now: Millis): Millis | undefined {
    return medianOf(this.#within(now, SPAN)) ?? medianOf(this.#within(now, LONG_SPAN));
  }

  #within(now: Millis, span: number): number[] {
    return this.#samples.filter((s) => s.at > now - span).map((s) => s.error);
  }
}

function medianOf(errors: number[]): Millis | undefined {
  if (errors.length < ENOUGH) return undefined;
  errors.sort((a, b) => a - b);
  return millis(errors[errors.length >> 1] as number);
}

const RECENT = 30;

/** The picture's frame interval: the shortest step of the last frames, for dropped ones make longer steps. Pure. */
export class FrameInterval {
  #steps: number[] = [];
  #last: Seconds | undefined;

  /** Takes the position of a frame. */
  add(mediaTime: Seconds): void {
    const step = this.#last === undefined ? 0 : (mediaTime - this.#last) * 1000;
    this.#last = mediaTime;
    if (step < 4 || step > 200) return; // the same frame again, or a seek
    this.#steps.push(step);
    if (this.#steps.length > RECENT) this.#steps.shift();
  }

  /** Undefined before two frames. */
  get value(): Millis | undefined {
    return this.#steps.length === 0 ? undefined : millis(Math.min(...this.#steps));
  }
}

/** The frame on screen. */
export interface ShownFrame {
  /** Its position on the element's axis. */
  readonly mediaTime: Seconds;
  /** When it is shown, on this device's clock. */
  readonly at: Millis;
}

const NO_FRAMES = 1500; // ms of playing without a frame after which there is no picture
const POLL = 10; // ms between readings of the position
const EMIT = 40; // ms between frames that are made of them

/**
 * Tells of every frame that the element shows until `signal` aborts. Where none are told, because the browser
 * cannot or because there is only sound, a line through the positions of the last seconds stands for them.
 */
export function watchFrames(
  video: HTMLVideoElement,
  shown: (frame: ShownFrame) => void,
  signal: AbortSignal,
): void {
  let lastFrame = millis(Number.NEGATIVE_INFINITY);
  if ("requestVideoFrameCallback" in video) {
    const seen = (frame: ShownFrame): void => {
      lastFrame = frame.at;
      shown(frame);
    };
    watchCallbacks(video, seen, signal);
  }
  watchPosition(video, shown, () => lastFrame, signal);
}

function watchCallbacks(
  video: HTMLVideoElement,
  shown: (frame: ShownFrame) => void,
  signal: AbortSignal,
): void {
  let handle = 0;
  const next: VideoFrameRequestCallback = (_, { mediaTime, expectedDisplayTime }) => {
    shown({ mediaTime: seconds(mediaTime), at: millis(expectedDisplayTime) });
    handle = video.requestVideoFrameCallback(next);
  };
  handle = video.requestVideoFrameCallback(next);
  signal.addEventListener("abort", () => video.cancelVideoFrameCallback(handle), { once: true });
}

function watchPosition(
  video: Pick<HTMLVideoElement, "currentTime" | "paused" | "seeking">,
  shown: (frame: ShownFrame) => void,
  lastFrame: () => Millis,
  signal: AbortSignal,
): void {
  const fit = new PositionFit();
  let emitted = 0;
  const read = (): void => {
    const now = millis(performance.now());
    if (video.paused || video.seeking || now - lastFrame() < NO_FRAMES) {
      fit.clear();
      return;
    }
    fit.add(now, seconds(video.currentTime));
    const mediaTime = now - emitted < EMIT ? undefined : fit.at(now);
    if (mediaTime === undefined) return;
    emitted = now;
    shown({ mediaTime, at: now });
  };
  const timer = setInterval(read, POLL);
  signal.addEventListener("abort", () => clearInterval(timer), { once: true });
}

/** How late a frame is that was due at `due` on R and is shown when R is `at`. */
export const lateness = (at: Micros, due: number): Millis => millis((at - due) / 1000);
