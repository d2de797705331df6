/**
 * How long this device takes from a seek or play() to the first moving frame.
 * Pure.
 *
 * @module
 */
import { clamp, type Millis, millis } from "./units.ts";

/** What is assumed until measured. */
export const START_DELAY = millis(70);

const FIRST_WEIGHT = 1;
const WEIGHT = 0.5;
const LIMIT = 500;

/** Learns the delay from the errors that remain after starts. */
export class StartDelay {
  #value: Millis;
  #weight = FIRST_WEIGHT;

  constructor(initial: Millis) {
    this.#value = initial;
  }

  /** What to allow for in the next start. */
  get value(): Millis {
    return this.#value;
  }

  /** The frame was `error` late (negative: early) once playback had settled. Larger than 1 s teaches nothing. */
  learn(error: Millis): void {
    if (Math.abs(error) > 1000) return;
    this.#value = millis(clamp(this.#value + this.#weight * error, 0, LIMIT));
    this.#weight = WEIGHT;
  }
}
