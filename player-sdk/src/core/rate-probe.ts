/**
 * Whether small changes of the playback rate do what they should on this
 * device: some ignore them, some stutter. Pure; time is an argument.
 *
 * @module
 */
import type { Millis } from "./units.ts";

const LEAST = 0.015; // of |rate − 1|: less moves too little to be told from noise
const SPAN = 2000; // ms of one rate that are measured
const SETTLE = 300; // ms after a change that are not
const EFFECT = 0.3; // of what was asked, that must be seen
const STUTTER = 1000; // ms after a change in which a stop is blamed on it
const STRIKES = 3;
const PARDON = 300_000; // ms after which rates are tried again: the device may have been busy

/** What is seen at one moment. */
export interface RateReading {
  readonly now: Millis;
  /** How late the frames are; undefined while that is not known. */
  readonly error: Millis | undefined;
  /** The rate that the element has been given. */
  readonly rate: number;
}

/** Compares what rates do with what was asked, and gives up on them after three failures in a row. */
export class RateProbe {
  #rate = 1;
  #changedAt = Number.NEGATIVE_INFINITY;
  #from: { readonly at: number; readonly error: number } | undefined;
  #strikes = 0;
  #pardonAt = Number.NEGATIVE_INFINITY;

  /** Whether rates can be used here at `now`. */
  works(now: Millis): boolean {
    if (this.#strikes >= STRIKES && now >= this.#pardonAt) this.#strikes = STRIKES - 1;
    return this.#strikes < STRIKES;
  }

  /** Takes what is seen, four times a second. */
  step({ now, error, rate }: RateReading): void {
    if (rate !== this.#rate) {
      this.#rate = rate;
      this.#changedAt = now;
      this.#from = undefined;
    }
    if (error === undefined || Math.abs(rate - 1) < LEAST) {
      this.#from = undefined;
      return;
    }
    if (this.#from === undefined) {
      if (now - this.#changedAt >= SETTLE) this.#from = { at: now, error };
      return;
    }
    const span = now - this.#from.at;
    if (span < SPAN) return;
    const effect = (this.#from.error - error) / ((rate - 1) * span);
    // A picture that falls behind although it is to catch up lacks something else than a working rate.
    if (effect > -EFFECT) this.#judge(effect >= EFFECT, now);
    this.#from = { at: now, error };
  }

  /** The picture moved for another reason (a seek, a discontinuity): what was begun is no measurement. */
  disturbed(): void {
    this.#from = undefined;
  }

  /** Playback stopped although there was media. */
  stopped(now: Millis): void {
    if (now - this.#changedAt < STUTTER) this.#judge(false, now);
    this.#from = undefined;
  }

  #judge(good: boolean, now: Millis): void {
    this.#strikes = good ? 0 : this.#strikes + 1;
    if (this.#strikes === STRIKES) this.#pardonAt = now + PARDON;
  }
}
