/**
 * The client's view of the room clock R: which of many clock samples to trust,
 * and how to follow it without jumping. Pure; time is an argument.
 *
 * @module
 */
import { clamp, type Micros, type Millis, micros, millis } from "./units.ts";

/** One question to the server's clock, and the answer. */
export interface ClockSample {
  /** t1: this device's clock when the question left. */
  readonly sentAt: Millis;
  /** t4: this device's clock when the answer arrived. */
  readonly receivedAt: Millis;
  /** t2: R when the server read the question. */
  readonly received: Micros;
  /** t3: R when the server wrote the answer. */
  readonly replied: Micros;
}

/** How far R is ahead of this device's clock. */
export interface ClockEstimate {
  /** R minus the device's clock, in µs. */
  readonly offset: Micros;
  /** By how much R gains on the device's clock, in µs a ms; 0 while the samples do not tell. */
  readonly rate: number;
  /** The true offset is within ± this, but for a rate that is measured wrong by more than {@link MAX_DRIFT_PPM}. */
  readonly dispersion: Micros;
  /** Round trip of the sample that the estimate comes from. */
  readonly rtt: Micros;
}

/** The worst frequency error of a device's clock that the dispersion allows for. */
export const MAX_DRIFT_PPM = 60;

/** No quartz is worse than this, in ppm: more is a path that has changed. */
const WILD_DRIFT_PPM = 500;
const NEIGHBOURS = 5_000; // ms: samples closer than this say nothing about the rate

const RESOLUTION = 100; // µs: performance.now() without cross-origin isolation
const MAX_SAMPLES = 64;
const MAX_AGE = 600_000; // ms

interface Candidate {
  readonly at: Millis;
  readonly offset: number;
  readonly rtt: number;
}

/**
 * Keeps the latest samples and picks the one of lowest dispersion. Path noise
 * is one-sided and heavy-tailed, so the quickest round trip carries the
 * information; averages carry the noise. How fast the two clocks drift apart is
 * measured over all samples, so that an older one still tells the offset now.
 */
export class ClockFilter {
  readonly #drift: number;
  #candidates: Candidate[] = [];
  #rate = 0;

  /** @param drift - The worst frequency error of one clock against the other, in ppm. */
  constructor(drift: number = MAX_DRIFT_PPM) {
    this.#drift = drift;
  }

  /** Takes a sample. One that is impossible (negative round trip) is dropped. */
  add(sample: ClockSample): void {
    const { sentAt, receivedAt, received, replied } = sample;
    const rtt = (receivedAt - sentAt) * 1000 - (replied - received);
    if (!(rtt >= 0)) return;
    const offset = (received - sentAt * 1000 + (replied - receivedAt * 1000)) / 2;
    this.#candidates.push({ at: receivedAt, offset, rtt });
    const young = this.#candidates.filter(({ at }) => receivedAt - at <= MAX_AGE);
    this.#candidates = young.slice(-MAX_SAMPLES);
    this.#rate = this.#drift === 0 ? 0 : rateOf(this.#candidates, this.#drift / 1000);
  }

  /** Forgets every sample. */
  clear(): void {
    this.#candidates = [];
    this.#rate = 0;
  }

  /** The best estimate at `now`; undefined without samples of the last ten minutes. */
  estimate(now: Millis): ClockEstimate | undefined {
    let best: ClockEstimate | undefined;
    for (const { at, offset, rtt } of this.#candidates) {
      const age = now - at;
      if (age > MAX_AGE) continue;
      const dispersion = micros(rtt / 2 + RESOLUTION + (age * this.#drift) / 1000);
      if (best === undefined || dispersion < best.dispersion) {
        best = { offset: micros(offset + age * this.#rate), rate: this.#rate, dispersion, rtt: micros(rtt) };
      }
    }
    return best;
  }

  /** When the newest sample arrived. */
  get newest(): Millis | undefined {
    return this.#candidates.at(-1)?.at;
  }

  /** Round trips kept, ascending, in µs. */
  get roundTrips(): readonly number[] {
    return this.#candidates.map((c) => c.rtt).sort((a, b) => a - b);
  }
}

/**
 * The rate that fits all samples, in µs a ms. What a round trip takes more than the quickest bounds what its sample is off
 * against that one, so each pair bounds the rate from both sides. Of what is left the middle is taken, within `usual`
 * where that can be.
 */
function rateOf(samples: readonly Candidate[], usual: number): number {
  const trips = samples.map(({ rtt }) => rtt).sort((a, b) => a - b);
  const least = trips[0] ?? 0;
  // The quickest was not as quick as the path can be: by about as much as the next ones differ.
  const slack = RESOLUTION + ((trips[trips.length >> 2] ?? 0) - least) / 2;
  const wild = WILD_DRIFT_PPM / 1000;
  let [low, high] = [-wild, wild];
  for (const a of samples) {
    for (let k = samples.length - 1; k > 0; k--) {
      const b = samples[k] ?? a;
      const apart = b.at - a.at;
      if (apart < NEIGHBOURS) break;
      const width = (a.rtt + b.rtt) / 2 - least + 2 * slack;
      low = Math.max(low, (b.offset - a.offset - width) / apart);
      high = Math.min(high, (b.offset - a.offset + width) / apart);
    }
  }
  if (low > high) return 0; // the path has changed
  const [from, to] = [Math.max(low, -usual), Math.min(high, usual)];
  return from <= to ? (from + to) / 2 : (low + high) / 2;
}

const SLEW_PER_MS = 5; // µs of correction a ms: 5 ms a second
const STEP = 50_000; // µs: beyond this a correction is a step, or waits for better data
const SYNCED_DISPERSION = 50_000; // µs
const SYNCED_AGE = 90_000; // ms

/** What a new sample did to the clock. */
export type ClockChange = "kept" | "slewing" | "stepped";

interface Frozen {
  readonly from: Micros;
  readonly to: Micros;
}

/** Reads R. Times of this device are those of `performance.now()` in the thread that asks. */
export interface RoomReader {
  /** R at `local`; undefined while nothing is known. */
  at(local: Millis): Micros | undefined;
  /** This device's clock when R shows `room`; undefined while nothing is known. */
  localAt(room: Micros): Millis | undefined;
  /** Bound of the reading's error; Infinity without samples. */
  dispersion(now: Millis): Micros;
  /** Whether the reading can be relied on. */
  synced(now: Millis): boolean;
  /** Shortest and 95th percentile round trip to the server. */
  readonly rtt: { readonly min: Micros; readonly p95: Micros } | undefined;
}

/**
 * R as this device reads it. It steps until it is first synced; afterwards it
 * moves by slewing, and stands still around a cue's opening.
 */
export class RoomClock implements RoomReader {
  readonly #filter = new ClockFilter();
  #epoch: number | undefined;
  #offset: number | undefined;
  #target = 0;
  #rate = 0; // µs a ms that both gain
  #at = millis(0); // when they were as they are
  #settled = false; // has been synced since the last reset
  #frozen: readonly Frozen[] = [];

  /** Takes a sample that arrived at `now`, of the server's clock `epoch`. */
  add(sample: ClockSample, epoch: number, now: Millis): ClockChange {
    if (epoch !== this.#epoch) {
      this.reset();
      this.#epoch = epoch;
    }
    const before = this.dispersion(now);
    this.#filter.add(sample);
    const best = this.#filter.estimate(now);
    if (best === undefined) return "kept";
    const change = this.#apply(best, before, now);
    this.#settled ||= this.synced(now);
    return change;
  }

  #apply(best: ClockEstimate, before: Micros, now: Millis): ClockChange {
    this.#advance(now);
    this.#rate = best.rate;
    if (this.#offset === undefined || !this.#settled) return this.#step(best, now);
    const delta = best.offset - this.#offset;
    if (Math.abs(delta) > STEP) return best.dispersion < before / 2 ? this.#step(best, now) : "kept";
    this.#target = best.offset;
    return delta === 0 ? "kept" : "slewing";
  }

  #step(best: ClockEstimate, now: Millis): ClockChange {
    const moved = this.#offset !== best.offset;
    this.#offset = this.#target = best.offset;
    this.#at = now;
    return moved ? "stepped" : "kept";
  }

  /** R was `room` at about `local`: better than nothing until the first sample, and worth no trust. */
  guess(room: Micros, local: Millis): void {
    if (this.#offset !== undefined) return;
    this.#offset = this.#target = room - local * 1000;
    this.#rate = 0;
    this.#at = local;
  }

  /** Drops every sample: the device slept, or R is another clock. What was known stays the best guess. */
  reset(): void {
    this.#filter.clear();
    this.#settled = false;
  }

  /** Spans of R in which the clock does not move: it must not while a window opens. Replaces earlier ones. */
  freeze(spans: readonly Frozen[]): void {
    this.#frozen = spans;
  }

  /** Reading of R at `local`. Undefined before the first sample or guess. */
  at(local: Millis): Micros | undefined {
    this.#advance(local);
    return this.#offset === undefined ? undefined : micros(Math.round(local * 1000 + this.#offsetAt(local)));
  }

  /** This device's clock when R shows `room`. Undefined before the first sample or guess. */
  localAt(room: Micros): Millis | undefined {
    if (this.#offset === undefined) return undefined;
    return millis((room - this.#offset + this.#rate * this.#at) / (1000 + this.#rate));
  }

  /** Bound of the reading's error; Infinity without samples. */
  dispersion(now: Millis): Micros {
    const best = this.#filter.estimate(now);
    if (best === undefined || this.#offset === undefined) return micros(Number.POSITIVE_INFINITY);
    return micros(best.dispersion + Math.abs(best.offset - this.#offsetAt(now)));
  }

  /** Whether the reading can be relied on: dispersion at most 50 ms, heard of within 90 s. */
  synced(now: Millis): boolean {
    const newest = this.#filter.newest;
    return newest !== undefined && now - newest < SYNCED_AGE && this.dispersion(now) <= SYNCED_DISPERSION;
  }

  /** Shortest and 95th percentile round trip of the samples kept. */
  get rtt(): { readonly min: Micros; readonly p95: Micros } | undefined {
    const trips = this.#filter.roundTrips;
    const min = trips[0];
    const p95 = trips[Math.ceil(trips.length * 0.95) - 1];
    return min === undefined || p95 === undefined ? undefined : { min: micros(min), p95: micros(p95) };
  }

  #offsetAt(local: Millis): number {
    return (this.#offset ?? 0) + this.#rate * (local - this.#at);
  }

  /** Lets the offset drift on, and moves it towards its target, for the time since the last call. */
  #advance(now: Millis): void {
    if (now <= this.#at) return;
    const passed = now - this.#at;
    const moving = passed - this.#frozenWithin(this.#at, now);
    this.#at = now;
    if (this.#offset === undefined) return;
    this.#offset += this.#rate * passed;
    this.#target += this.#rate * passed;
    if (moving <= 0) return;
    const limit = moving * SLEW_PER_MS;
    this.#offset += clamp(this.#target - this.#offset, -limit, limit);
  }

  #frozenWithin(from: Millis, to: Millis): number {
    let sum = 0;
    for (const span of this.#frozen) {
      const start = this.localAt(span.from) ?? 0;
      const end = this.localAt(span.to) ?? 0;
      sum += Math.max(0, Math.min(to, end) - Math.max(from, start));
    }
    return sum;
  }
}
