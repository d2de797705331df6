/**
 * Channel media time to R and back. Pure.
 *
 * @module
 */
import { type Micros, micros, type Ticks, ticks } from "./units.ts";
import type { Timeline } from "./wire.ts";

const perTick = (scale: number): number => 1_000_000 / scale;

/**
 * The straight lines of a channel's timeline. Between two points it is the line
 * through them; before the first and after the last it runs at the nominal rate.
 */
export class TimelineMap {
  readonly #points: Timeline["points"];
  readonly #scale: number;

  constructor(timeline: Pick<Timeline, "points" | "scale">) {
    this.#points = timeline.points;
    this.#scale = timeline.scale;
  }

  /** P: the instant of media time `at`. Undefined while the timeline has no point. */
  instantOf(at: Ticks): Micros | undefined {
    return this.#map(at, 0, 1, perTick(this.#scale)) as Micros | undefined;
  }

  /** The media time that P maps to `instant`. Undefined while the timeline has no point. */
  ticksOf(instant: Micros): Ticks | undefined {
    return this.#map(instant, 1, 0, 1 / perTick(this.#scale)) as Ticks | undefined;
  }

  #map(at: number, from: 0 | 1, to: 0 | 1, nominal: number): number | undefined {
    const after = this.#points.findIndex((p) => p[from] > at);
    const i = after === -1 ? this.#points.length - 1 : after - 1;
    const left = this.#points[Math.max(0, i)];
    if (left === undefined) return undefined;
    const right = i >= 0 ? this.#points[i + 1] : undefined;
    const slope = right === undefined ? nominal : (right[to] - left[to]) / (right[from] - left[from]);
    return left[to] + (at - left[from]) * slope;
  }
}

/** Media time of `s` seconds on a timeline of `scale` ticks a second. */
export const ticksAt = (s: number, scale: number): Ticks => ticks(s * scale);

/** Rounds to a whole µs, as the wire wants it. */
export const wholeMicros = (us: number): Micros => micros(Math.round(us));
