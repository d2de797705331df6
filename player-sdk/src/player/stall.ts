/**
 * What to do about a picture that stands still: wait, go on beyond a hole, or
 * ask afresh.
 *
 * @module
 */
import { localNow, type Micros, type Millis, millis, seconds } from "../core/index.ts";
import type { Feed } from "./feed.ts";

const RESTART = 1000; // ms after which going on is a new start
const RELOAD = 5000; // ms after which a source that is on air is asked afresh
const REACH_AGAIN = 2000; // ms that the source is given to load beyond a hole
const HOLE = 250; // ms after which a stall is no hiccup

/** What is needed to get out of a stall. */
export interface StallOptions {
  readonly video: HTMLVideoElement;
  readonly feed: Feed;
  /** P that is due on this screen now. */
  readonly dueInstant: () => Micros | undefined;
  /** Whether what is due now is buffered. */
  readonly reachable: () => boolean;
  /** Whether the channel is on air and the server can be reached. */
  readonly onAir: () => boolean;
  /** Begins afresh with what is due. */
  readonly restart: () => void;
}

/** One stall after the other. */
export class Stall {
  readonly #options: StallOptions;
  #since: Millis | undefined;
  #liveAt = millis(Number.NEGATIVE_INFINITY);
  #reachedAt = millis(Number.NEGATIVE_INFINITY);

  constructor(options: StallOptions) {
    this.#options = options;
  }

  /** The buffer ran dry. */
  begin(): void {
    this.#since ??= localNow();
  }

  /** The source began afresh. */
  forget(): void {
    this.#since = undefined;
  }

  /** The channel went on air. */
  live(): void {
    this.#liveAt = localNow();
  }

  /** It plays again. After a long stall the picture has stopped anyway: it goes on in step, if what is due is there. */
  end(): void {
    const stalled = this.#since === undefined ? 0 : localNow() - this.#since;
    this.#since = undefined;
    if (stalled >= RESTART && this.#options.reachable()) this.#options.restart();
  }

  /** Looks for a way out; a few times a second. */
  look(aligning: boolean): void {
    if (this.#since === undefined) return;
    if (!aligning && localNow() - this.#since >= HOLE) this.#bridge();
    this.#revive();
  }

  /** Beyond a hole in the media it goes on as soon as what is due is there. */
  #bridge(): void {
    if (this.#options.reachable()) {
      this.#since = undefined;
      this.#options.restart();
      return;
    }
    this.#reachBeyond();
  }

  /** What is due lies beyond the hole and is not loaded: the source loads where the playhead is. */
  #reachBeyond(): void {
    const { video, feed, dueInstant } = this.#options;
    const due = dueInstant();
    if (due === undefined || video.seeking || localNow() - this.#reachedAt < REACH_AGAIN) return;
    const position = feed.beyondHole(seconds(video.currentTime), due / 1000);
    if (position === undefined) return;
    this.#reachedAt = localNow();
    video.currentTime = position;
  }

  /** A source that brings nothing although the channel is on air is asked afresh. */
  #revive(): void {
    if (this.#since === undefined || !this.#options.onAir()) return;
    if (localNow() - Math.max(this.#since, this.#liveAt) < RELOAD) return;
    this.#since = localNow();
    this.#options.feed.reload();
  }
}
