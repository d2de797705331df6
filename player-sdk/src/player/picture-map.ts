/**
 * The instant P of a frame, and the place of an instant: by the channel's
 * timeline where there is one, else by the dates of the playlist.
 *
 * @module
 */
import { type Micros, type Seconds, type Ticks, type Timeline, TimelineMap, ticks } from "../core/index.ts";
import type { Feed } from "./feed.ts";

/** Maps between the element's axis and R. */
export class PictureMap {
  readonly #feed: Pick<Feed, "ticksAt" | "positionOf" | "dateAt" | "positionOfDate">;
  #timeline: Timeline | undefined;
  #map: TimelineMap | undefined;

  constructor(feed: Pick<Feed, "ticksAt" | "positionOf" | "dateAt" | "positionOfDate">) {
    this.#feed = feed;
  }

  /** The channel's timeline, as it is now. */
  set timeline(timeline: Timeline) {
    this.#timeline = timeline;
    this.#map = new TimelineMap(timeline);
  }

  /** P of position `at`. */
  instantOf(at: Seconds): Micros | undefined {
    const scale = this.#timeline?.scale;
    const media = scale === undefined ? undefined : this.#feed.ticksAt(at, scale);
    const exact = media === undefined ? undefined : this.#map?.instantOf(media);
    return exact ?? this.#feed.dateAt(at);
  }

  /** The position of instant P. */
  positionOf(instant: Micros): Seconds | undefined {
    const scale = this.#timeline?.scale;
    const media = this.#map?.ticksOf(instant);
    const exact =
      scale === undefined || media === undefined ? undefined : this.#feed.positionOf(media, scale);
    return exact ?? this.#feed.positionOfDate(instant);
  }

  /** P of channel media time `media`; undefined without a timeline. */
  instantOfMedia(media: Ticks): Micros | undefined {
    return this.#map?.instantOf(ticks(media));
  }
}
