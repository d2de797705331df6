/**
 * The room clock of another thread, read from this one. Pure; time is an
 * argument.
 *
 * @module
 */
import { type ClockChange, ClockFilter, type ClockSample, RoomClock, type RoomReader } from "./clock.ts";
import { type Micros, type Millis, micros, millis } from "./units.ts";

const SYNCED = 50_000; // µs
const NO_DRIFT = 0; // both threads read the same oscillator

/**
 * Repeats the worker's clock from its samples, and measures by how much the
 * worker's `performance.now()` is ahead of this thread's: their origins are
 * not told exactly enough to be subtracted.
 */
export class BridgedClock implements RoomReader {
  readonly #clock = new RoomClock();
  readonly #bridge = new ClockFilter(NO_DRIFT);
  #shift: Millis | undefined; // the worker's clock minus this thread's
  #error = micros(Number.POSITIVE_INFINITY);

  /** A sample of the worker, in its own time. */
  add(sample: ClockSample, epoch: number): ClockChange {
    return this.#clock.add(sample, epoch, sample.receivedAt);
  }

  /** R was `room` when this thread's clock showed `local`. */
  guess(room: Micros, local: Millis): void {
    if (this.#shift === undefined) return;
    this.#clock.guess(room, millis(local + this.#shift));
  }

  /** The worker dropped its samples: it slept, or was told to. This side measures the way to it afresh, too. */
  reset(): void {
    this.#clock.reset();
    this.#bridge.clear();
  }

  /** See {@link RoomClock.freeze}. */
  freeze(spans: readonly { readonly from: Micros; readonly to: Micros }[]): void {
    this.#clock.freeze(spans);
  }

  /** This thread asked the worker's clock at `sentAt`, and was told `worker` at `receivedAt`. */
  bridge(sentAt: Millis, receivedAt: Millis, worker: Millis): void {
    const at = micros(worker * 1000);
    this.#bridge.add({ sentAt, receivedAt, received: at, replied: at });
    const best = this.#bridge.estimate(receivedAt);
    if (best === undefined) return;
    this.#shift = millis(best.offset / 1000);
    this.#error = best.dispersion;
  }

  /** Bound of the error that reading over threads adds; Infinity before it was measured. */
  get bridgeError(): Micros {
    return this.#error;
  }

  /** This thread's clock when the worker's shows `worker`; undefined before it was measured. */
  here(worker: Millis): Millis | undefined {
    return this.#shift === undefined ? undefined : millis(worker - this.#shift);
  }

  at(local: Millis): Micros | undefined {
    return this.#shift === undefined ? undefined : this.#clock.at(millis(local + this.#shift));
  }

  localAt(room: Micros): Millis | undefined {
    const worker = this.#clock.localAt(room);
    return worker === undefined ? undefined : this.here(worker);
  }

  dispersion(now: Millis): Micros {
    const worker = millis(now + (this.#shift ?? 0));
    return micros(this.#clock.dispersion(worker) + this.#error);
  }

  synced(now: Millis): boolean {
    if (this.#shift === undefined) return false;
    return this.#clock.synced(millis(now + this.#shift)) && this.dispersion(now) <= SYNCED;
  }

  get rtt(): { readonly min: Micros; readonly p95: Micros } | undefined {
    return this.#clock.rtt;
  }
}
