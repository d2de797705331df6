/**
 * Holds the displayed frame to the channel's target latency: by a seek when it
 * is far off, by the playback rate when it is near. Pure; time is an argument.
 * Rules PC… are in SPEC.md.
 *
 * @module
 */
import { clamp, type Millis } from "./units.ts";

/** What the controller is told, four times a second. */
export interface ControlInput {
  readonly now: Millis;
  /** e: how late the displayed frame is, negative if early. Undefined if not measured. */
  readonly error: Millis | undefined;
  /** Media buffered ahead of the playhead. */
  readonly buffer: Millis;
  /** Since the first frame of this source. */
  readonly playingFor: Millis;
  /** Paused, seeking, starved, hidden or without a clock: nothing to control. */
  readonly suspended: boolean;
  /** A counted cue's window is open, or opens within 1.5 s. */
  readonly guarded: boolean;
  /** The media due now is buffered. */
  readonly reachable: boolean;
  /** Somebody can hear it. */
  readonly audible: boolean;
  /** From frame to frame of the picture; undefined while not measured. */
  readonly frameInterval: Millis | undefined;
  /** By how much L moves, in ms a ms: it glides from one value to another. Default 0. */
  readonly slope?: number;
}

/** What the player is to do. */
export type ControlAction =
  | { readonly do: "none" }
  /** Seek to where the media is due now. */
  | { readonly do: "seek" }
  | { readonly do: "rate"; readonly rate: number; readonly preservesPitch: boolean };

/** How a media element can be controlled. */
export interface ControlOptions {
  /**
   * Whether small changes of the playback rate are smooth. Where they are not,
   * only seeks are used, with a wider dead band. Default true.
   */
  readonly rates?: boolean;
}

const JOIN_SPAN = 5000;
const JOIN_SEEK = 150;
const SEEK = 1000;
const GUARDED_SEEK = 3000;
const COOL_DOWN = [10_000, 20_000, 40_000] as const;
const CALM = 120_000; // after this long without a seek the cool-down starts over
const BOOST = 60;
// Screens show frames in steps: the cadence holds until a whole frame is dropped or
// repeated. The error of a perfect player is then anywhere within half a frame, and
// a band narrower than that makes the rate swing for ever: seen in headless
// Chromium at 30 fps as errors of + 10.5 and − 22.8 ms in turn.
const TRIM_ENTER = { least: 10, most: 22, margin: 2 } as const;
const TRIM_LEAVE = 4;
const GAIN = 0.5; // of rate, per second of error
const BOOST_LIMIT = 0.03;
const TRIM_LIMIT = 0.01;
const STEPS = 2000; // of rate in 1: multiples of 0.0005
const LOW_BUFFER = 600;
const SCARCE_BUFFER = 300;
const SCARCE_RATE = 0.97;
const SEEK_ONLY_BAND = 100;
const SEEK_ONLY_COOL_DOWN = 30_000;

const none: ControlAction = { do: "none" };

/** The latency controller of one media element. */
export class LatencyController {
  #rates: boolean;
  #rate = 1;
  #preservesPitch = true;
  #trimming: -1 | 0 | 1 = 0; // sign of the error being trimmed
  #seeks = 0;
  #lastSeek = Number.NEGATIVE_INFINITY;

  constructor(options: ControlOptions = {}) {
    this.#rates = options.rates ?? true;
  }

  /** The rate that the media element is asked to have. */
  get rate(): number {
    return this.#rate;
  }

  /** Playback begins afresh (start, return, new source): a seek is allowed at once. */
  joined(): void {
    this.#seeks = 0;
    this.#lastSeek = Number.NEGATIVE_INFINITY;
  }

  /** Whether rates are used: what this device does with them is measured. */
  get usesRates(): boolean {
    return this.#rates;
  }

  set usesRates(uses: boolean) {
    this.#rates = uses;
  }

  /** Someone else set the element's rate (loading does): the next step writes it again. */
  rateLost(rate: number): void {
    this.#rate = rate;
  }

  /** Decides what to do now. */
  step(input: ControlInput): ControlAction {
    if (input.suspended || input.error === undefined) return none;
    if (this.#mustSeek(input, input.error)) {
      this.#seeks = input.now - this.#lastSeek > CALM ? 1 : this.#seeks + 1;
      this.#lastSeek = input.now;
      this.#trimming = 0;
      return { do: "seek" };
    }
    if (!this.#rates) return this.#rate === 1 ? none : this.#write(1, this.#preservesPitch);
    return this.#steer(input.error, input);
  }

  #mustSeek(input: ControlInput, error: number): boolean {
    if (!input.reachable || input.now - this.#lastSeek < this.#coolDown()) return false;
    return Math.abs(error) > this.#seekLimit(input);
  }

  #seekLimit({ guarded, playingFor }: ControlInput): number {
    if (guarded) return this.#rates ? GUARDED_SEEK : Number.POSITIVE_INFINITY;
    if (playingFor < JOIN_SPAN) return JOIN_SEEK;
    return this.#rates ? SEEK : SEEK_ONLY_BAND;
  }

  #coolDown(): number {
    if (!this.#rates) return SEEK_ONLY_COOL_DOWN;
    return COOL_DOWN[clamp(this.#seeks - 1, 0, COOL_DOWN.length - 1)] ?? COOL_DOWN[0];
  }

  #steer(error: number, { buffer, audible, frameInterval, slope = 0 }: ControlInput): ControlAction {
    const size = Math.abs(error);
    this.#trimming = this.#trim(error, bandOf(frameInterval));
    const limit = size > BOOST ? BOOST_LIMIT : this.#trimming !== 0 ? TRIM_LIMIT : 0;
    const wanted = 1 - slope + clamp((GAIN * error) / 1000, -limit, limit);
    if (buffer < SCARCE_BUFFER) return this.#write(SCARCE_RATE, audible);
    return this.#write(
      buffer < LOW_BUFFER ? Math.min(1, wanted) : wanted,
      slope === 0 ? this.#pitch(size, audible) : audible,
    );
  }

  /**
   * While it preserves pitch, Chromium passes audio through unchanged at rates
   * within a thousandth of 1; the resampler that it uses otherwise is exact and
   * cheaper. So pitch is preserved only where a change of it would be heard. At
   * rest nothing is switched: the switch can be heard, too.
   */
  #pitch(size: number, audible: boolean): boolean {
    if (size > BOOST) return audible;
    return this.#trimming !== 0 ? false : this.#preservesPitch;
  }

  /** Trimming ends when the error is small, or has passed through zero. */
  #trim(error: number, band: number): -1 | 0 | 1 {
    const size = Math.abs(error);
    const sign = error < 0 ? -1 : 1;
    const begun = this.#trimming === sign;
    return size <= BOOST && size > (begun ? TRIM_LEAVE : band) ? sign : 0;
  }

  #write(wanted: number, preservesPitch: boolean): ControlAction {
    const rate = Math.round(wanted * STEPS) / STEPS;
    const sameRate = Math.abs(rate - this.#rate) < 0.5 / STEPS;
    if (sameRate && preservesPitch === this.#preservesPitch) return none;
    this.#rate = rate;
    this.#preservesPitch = preservesPitch;
    return { do: "rate", rate, preservesPitch };
  }
}

/** The error that a player at rest may have. */
const bandOf = (frameInterval: Millis | undefined): number =>
  clamp((frameInterval ?? 0) / 2 + TRIM_ENTER.margin, TRIM_ENTER.least, TRIM_ENTER.most);
