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
   * Whether small changes of the playback rate are smooth. Where they are not
   * (Safari), only seeks are used, with a wider dead band. Default true.
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
const TRIM_ENTER = 8;
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
  readonly #rates: boolean;
  #rate = 1;
  #preservesPitch = true;
  #trimming = false;
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
      this.#trimming = false;
      return { do: "seek" };
    }
    if (!this.#rates) return none;
    return this.#steer(input.error, input.buffer);
  }

  #mustSeek(input: ControlInput, error: number): boolean {
    if (!input.reachable || input.now - this.#lastSeek < this.#coolDown()) return false;
    return Math.abs(error) > this.#seekLimit(input);
  }

  #seekLimit({ guarded, playingFor }: ControlInput): number {
    if (guarded) return GUARDED_SEEK;
    if (playingFor < JOIN_SPAN) return JOIN_SEEK;
    return this.#rates ? SEEK : SEEK_ONLY_BAND;
  }

  #coolDown(): number {
    if (!this.#rates) return SEEK_ONLY_COOL_DOWN;
    return COOL_DOWN[clamp(this.#seeks - 1, 0, COOL_DOWN.length - 1)] ?? COOL_DOWN[0];
  }

  #steer(error: number, buffer: number): ControlAction {
    const size = Math.abs(error);
    this.#trimming = size <= BOOST && size > (this.#trimming ? TRIM_LEAVE : TRIM_ENTER);
    const limit = size > BOOST ? BOOST_LIMIT : this.#trimming ? TRIM_LIMIT : 0;
    const wanted = 1 + clamp((GAIN * error) / 1000, -limit, limit);
    if (buffer < SCARCE_BUFFER) return this.#write(SCARCE_RATE, true);
    return this.#write(buffer < LOW_BUFFER ? Math.min(1, wanted) : wanted, this.#pitch(size));
  }

  /**
   * While it preserves pitch, Chromium passes audio through unchanged at rates
   * within a thousandth of 1; the resampler it uses otherwise is exact. At rest
   * nothing is switched: a switch can be heard.
   */
  #pitch(size: number): boolean {
    if (size > BOOST) return true;
    return this.#trimming ? false : this.#preservesPitch;
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
