/**
 * A room clock for a page without a socket: what the own picture tells. Pure;
 * time is an argument.
 *
 * @module
 */
import type { RoomReader } from "./clock.ts";
import { type Micros, type Millis, micros, millis } from "./units.ts";

const SPAN = 1000; // ms of frames that the reading is the median of
const FRESH = 2000; // ms since the last frame within which it is good
const ERROR = micros(40_000); // a frame at 25 fps: the picture is only known in frames

interface Shown {
  readonly at: Millis;
  readonly offset: number; // µs, P minus this device's clock
}

/** R, if the picture on this screen were exactly L behind: cues open at the own frame. */
export class PictureClock implements RoomReader {
  #frames: Shown[] = [];
  #offset: number | undefined;
  #latency = micros(3_000_000);

  /** The frame of instant P is on screen when this device's clock shows `at`. */
  shown(instant: Micros, at: Millis): void {
    this.#frames.push({ at, offset: instant - at * 1000 });
    this.#frames = this.#frames.filter((f) => f.at > at - SPAN);
    const offsets = this.#frames.map((f) => f.offset).sort((a, b) => a - b);
    this.#offset = offsets[offsets.length >> 1];
  }

  /** L: how far O is behind the media that a cue hangs on. */
  set latency(latency: Micros) {
    this.#latency = latency;
  }

  at(local: Millis): Micros | undefined {
    return this.#offset === undefined
      ? undefined
      : micros(Math.round(local * 1000 + this.#offset + this.#latency));
  }

  localAt(room: Micros): Millis | undefined {
    return this.#offset === undefined ? undefined : millis((room - this.#offset - this.#latency) / 1000);
  }

  dispersion(now: Millis): Micros {
    return this.synced(now) ? ERROR : micros(Number.POSITIVE_INFINITY);
  }

  synced(now: Millis): boolean {
    const last = this.#frames.at(-1);
    return last !== undefined && now - last.at < FRESH;
  }

  readonly rtt = undefined;
}
