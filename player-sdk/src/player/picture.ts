/**
 * The picture of one element: what is on the screen, how late it is, and where
 * what is due lies.
 *
 * @module
 */
import {
  localNow,
  type Micros,
  type Millis,
  micros,
  millis,
  type RoomLink,
  type Seconds,
  seconds,
  TargetLatency,
  type Ticks,
  type Timeline,
  wholeMicros,
} from "../core/index.ts";
import { type Due, startPoint, stretches } from "./alignment.ts";
import type { Feed } from "./feed.ts";
import { ErrorWindow, FrameInterval, lateness, type ShownFrame } from "./frame-meter.ts";
import { PictureMap } from "./picture-map.ts";

const DEFAULT_LATENCY = millis(3000);
const ARCHIVE = 5000; // ms behind the channel's target, by choice, from which the viewer is not in the room
const EDGE = 0.1; // s by which a playhead may be outside of what is buffered

/** What a picture belongs to. */
export interface PictureOptions {
  readonly video: HTMLVideoElement;
  readonly connection: RoomLink;
  readonly feed: Feed | undefined;
  /** Overrides the channel's target latency. */
  readonly latency: Millis | undefined;
}

/** See the module. */
export class Picture {
  readonly #options: PictureOptions;
  readonly #map: PictureMap | undefined;
  readonly #targets = new TargetLatency();
  readonly #errors = new ErrorWindow();
  readonly #interval = new FrameInterval();
  #frame: ShownFrame | undefined;
  #domain: number | undefined;

  constructor(options: PictureOptions) {
    this.#options = options;
    this.#map = options.feed === undefined ? undefined : new PictureMap(options.feed);
  }

  /** Takes the channel's timeline as it is now. */
  follow(timeline: Timeline): void {
    this.#targets.follow(timeline, this.#options.connection.now());
    if (this.#map !== undefined) this.#map.timeline = timeline;
    const { feed, latency = this.#targets.final } = this.#options;
    if (feed !== undefined && latency !== undefined) feed.latency = seconds(latency / 1000);
  }

  /** Target latency L now. */
  get target(): Millis {
    const { latency, connection } = this.#options;
    return latency ?? this.#targets.at(connection.now()) ?? DEFAULT_LATENCY;
  }

  /** By how much L moves now, in ms a ms. */
  get slope(): number {
    const { latency, connection } = this.#options;
    return latency === undefined ? this.#targets.slope(connection.now()) : 0;
  }

  /** Whether the viewer is so far behind the room by choice that nothing counts any more. */
  get archive(): boolean {
    const { latency } = this.#options;
    const channel = this.#targets.final;
    return latency !== undefined && channel !== undefined && latency - channel > ARCHIVE;
  }

  /** A frame is on the screen. True if it is the first of another stretch of media. */
  shown(frame: ShownFrame): boolean {
    const { connection, feed } = this.#options;
    this.#frame = frame;
    this.#interval.add(frame.mediaTime);
    const domain = feed?.domainAt(frame.mediaTime);
    const changed = domain !== this.#domain;
    this.#domain = domain;
    if (changed) this.#errors.clear(); // errors across it are not averaged
    const instant = this.instantOf(frame.mediaTime);
    if (instant === undefined) return changed;
    connection.shown(instant, frame.at);
    const at = connection.clock.at(frame.at);
    if (at !== undefined)
      this.#errors.add({ at: frame.at, error: lateness(at, instant + this.target * 1000) });
    return changed;
  }

  /** What was measured is of another place. */
  disturbed(): void {
    this.#errors.clear();
  }

  /** How late the frames on screen are; undefined while that is not known. */
  get error(): Millis | undefined {
    return this.#errors.median(localNow());
  }

  /** From frame to frame. */
  get frameInterval(): Millis | undefined {
    return this.#interval.value;
  }

  /** P of the frame at `mediaTime`. */
  instantOf(mediaTime: Seconds): Micros | undefined {
    return this.#map?.instantOf(mediaTime);
  }

  /** P of the frame on screen. */
  get shownInstant(): Micros | undefined {
    const instant = this.#frame === undefined ? undefined : this.instantOf(this.#frame.mediaTime);
    return instant === undefined ? undefined : wholeMicros(instant);
  }

  /** When media time `media` is on a screen that is `error` late, on R. */
  screenInstant(media: Ticks, error: Millis | undefined): Micros | undefined {
    const instant = this.#map?.instantOfMedia(media);
    if (instant === undefined || error === undefined) return undefined;
    return micros(instant + (this.target + error) * 1000);
  }

  /** P that is due now. */
  get dueInstant(): Micros | undefined {
    const now = this.#options.connection.now();
    return now === undefined ? undefined : micros(now - this.target * 1000);
  }

  /** What an alignment has to know. */
  due(startDelay: Millis): Due {
    const { connection } = this.#options;
    const latency = this.target * 1000;
    return {
      now: () => connection.now(),
      positionAt: (instant) => this.#map?.positionOf(micros(instant - latency)),
      dueAt: (position) => {
        const instant = this.instantOf(position);
        return instant === undefined ? undefined : micros(instant + latency);
      },
      startDelay,
    };
  }

  /** Whether what is due now is buffered. */
  get reachable(): boolean {
    return startPoint(stretches(this.#options.video), this.due(millis(0))) !== undefined;
  }

  /** Media buffered ahead of the playhead. */
  get buffer(): Millis {
    const { video } = this.#options;
    const at = video.currentTime;
    const here = stretches(video).find((s) => s.start - EDGE <= at && at < s.end);
    return millis(here === undefined ? 0 : (here.end - at) * 1000);
  }
}
