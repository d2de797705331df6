/**
 * When to ask for the server's clock. Pure; time is an argument.
 *
 * @module
 */
import { type Millis, millis } from "./units.ts";

const BURST_GAP = 50;
const EARLY_GAP = 1000;
const EARLY_SPAN = 15_000;
const STEADY_GAP = 20_000;
const STEADY_JITTER = 4000;

/** Questions in the burst of a new connection, and in one that refreshes a clock that was good before. */
export const CONNECT_BURST = 8;
export const REFRESH_BURST = 4;

/** Eight at once on connecting, one a second for 15 s, then one every 20 s ± 4 s. */
export class PingSchedule {
  readonly #random: () => number;
  #connectedAt = millis(0);
  #next = millis(Number.POSITIVE_INFINITY);
  #left = 0;

  /** `random` is in [0, 1); it keeps a hundred thousand clients out of step. */
  constructor(random: () => number) {
    this.#random = random;
  }

  /** The socket is open. */
  connected(now: Millis): void {
    this.#connectedAt = now;
    this.burst(CONNECT_BURST, now);
  }

  /** The socket is gone: ask nothing. */
  disconnected(): void {
    this.#left = 0;
    this.#next = millis(Number.POSITIVE_INFINITY);
  }

  /** Asks `count` times in a row from `start` on. */
  burst(count: number, start: Millis): void {
    this.#left = count;
    this.#next = start;
  }

  /** When the next question is due; Infinity if never. */
  get next(): Millis {
    return this.#next;
  }

  /** A question left at `now`. */
  asked(now: Millis): void {
    this.#left = Math.max(0, this.#left - 1);
    this.#next = millis(now + this.#gap(now));
  }

  #gap(now: Millis): number {
    if (this.#left > 0) return BURST_GAP;
    if (now - this.#connectedAt < EARLY_SPAN) return EARLY_GAP;
    return STEADY_GAP + (2 * this.#random() - 1) * STEADY_JITTER;
  }
}
