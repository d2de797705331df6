/**
 * How long the display takes from one refresh to the next. Pure.
 *
 * @module
 */
import { type Millis, millis } from "../core/index.ts";

/** What a display is taken to do before it was watched. */
export const USUAL_REFRESH: Millis = millis(1000 / 60);

const RECENT = 24; // steps
const LEAST = 2; // ms: less is no refresh
const MOST = 100; // ms: the page slept

/**
 * Learns it from the steps between animation frames. A busy page misses refreshes, so that a step may be two of
 * them or more: the shortest quarter of the last steps tells.
 */
export class Refresh {
  #steps: number[] = [];

  /** Takes the time between two animation frames, ms. */
  add(step: number): void {
    if (!(step > LEAST && step < MOST)) return;
    this.#steps = [...this.#steps, step].slice(-RECENT);
  }

  /** ms; {@link USUAL_REFRESH} before anything was learned. */
  get length(): Millis {
    const sorted = [...this.#steps].sort((a, b) => a - b);
    return millis(sorted[sorted.length >> 2] ?? USUAL_REFRESH);
  }
}
