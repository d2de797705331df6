/**
 * Holds a playing element to its target: asks the controller, and does what it
 * says.
 *
 * @module
 */
import {
  isOpening,
  LatencyController,
  localNow,
  type Millis,
  micros,
  millis,
  RateProbe,
  type RoomLink,
  START_DELAY,
  StartDelay,
} from "../core/index.ts";
import type { Picture } from "./picture.ts";

const GUARD = micros(1_500_000); // before O, in which no seek disturbs
const RUNWAY = 1000; // ms of buffer with which a stop is not for want of media
const HAVE_FUTURE_DATA = 3;

/** What is steered. */
export interface SteeringOptions {
  readonly video: HTMLVideoElement;
  readonly connection: RoomLink;
  readonly picture: Picture;
  /** Begins afresh with what is due. */
  readonly seek: () => void;
}

/** The hand on one element. */
export class Steering {
  readonly #options: SteeringOptions;
  readonly #controller = new LatencyController();
  readonly #rates = new RateProbe();
  readonly #startDelay = new StartDelay(START_DELAY);
  #joinedAt = millis(0);
  #learning = false;

  constructor(options: SteeringOptions) {
    this.#options = options;
  }

  /** Whether rates are used, or seeks alone. */
  get usesRates(): boolean {
    return this.#controller.usesRates;
  }

  /** From play() to the first moving frame, on this device. */
  get startDelay(): Millis {
    return this.#startDelay.value;
  }

  /** What was measured is of another place. */
  disturbed(): void {
    this.#options.picture.disturbed();
    this.#rates.disturbed();
  }

  /** Errors from before mean nothing any more, and a seek is allowed again. */
  rejoined(): void {
    this.disturbed();
    this.#controller.joined();
    this.#joinedAt = localNow();
  }

  /** An aligned start is under way: its error says how long starts take here. */
  started(): void {
    this.#options.picture.disturbed();
    this.#learning = true;
  }

  /** Playback stopped. */
  stopped(): void {
    const { picture } = this.#options;
    picture.disturbed();
    if (picture.buffer > RUNWAY) this.#rates.stopped(localNow());
  }

  /** Someone else set the element's rate. */
  rateLost(): void {
    this.#controller.rateLost(this.#options.video.playbackRate);
  }

  /** Looks and acts, four times a second. */
  step(aligning: boolean): void {
    const { video, picture, seek } = this.#options;
    const { error } = picture;
    const suspended = aligning || this.#suspended();
    this.#learn(error);
    this.#probe(error, suspended);
    const action = this.#controller.step({
      now: localNow(),
      error,
      buffer: picture.buffer,
      playingFor: millis(localNow() - this.#joinedAt),
      suspended,
      guarded: this.#guarded(),
      reachable: picture.reachable,
      audible: !video.muted && video.volume > 0,
      frameInterval: picture.frameInterval,
      slope: picture.slope,
    });
    if (action.do === "seek") seek();
    if (action.do === "rate") this.#setRate(action.rate, action.preservesPitch);
  }

  /** What rates do on this device is measured, not guessed from its name. */
  #probe(error: Millis | undefined, suspended: boolean): void {
    if (suspended || this.#options.picture.slope !== 0) this.#rates.disturbed();
    else this.#rates.step({ now: localNow(), error, rate: this.#options.video.playbackRate });
    this.#controller.usesRates = this.#rates.works(localNow());
  }

  #learn(error: Millis | undefined): void {
    if (!this.#learning || error === undefined) return;
    this.#learning = false;
    this.#startDelay.learn(error);
  }

  #setRate(rate: number, preservesPitch: boolean): void {
    const { video } = this.#options;
    video.preservesPitch = preservesPitch;
    video.defaultPlaybackRate = rate; // load() would otherwise reset the rate to 1
    video.playbackRate = rate;
  }

  #suspended(): boolean {
    const { video, connection } = this.#options;
    return (
      video.paused ||
      video.seeking ||
      video.readyState < HAVE_FUTURE_DATA ||
      document.visibilityState === "hidden" ||
      !connection.measured || // the clock goes by the picture: it cannot lead it
      !connection.clock.synced(localNow())
    );
  }

  #guarded(): boolean {
    const { connection } = this.#options;
    const now = connection.now();
    if (now === undefined) return false;
    return [...connection.room.getState().cues.values()].some((cue) => isOpening(cue, now, GUARD));
  }
}
