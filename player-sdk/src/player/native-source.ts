/**
 * Feeds a media element by the browser's own HLS player, where scripts cannot:
 * it says at which date the element's axis begins, and no more.
 *
 * @module
 */
import { type Micros, micros, type Seconds, seconds } from "../core/index.ts";
import type { Feed, FeedOptions } from "./feed.ts";

const RETRY = 2000; // ms

/** What browsers with an HLS player of their own add to a video. */
interface DatedVideo extends HTMLVideoElement {
  /** Of position 0; an invalid date while it is not known. */
  getStartDate?(): Date;
}

/** See the module. */
export class NativeSource implements Feed {
  readonly #options: FeedOptions;
  readonly #video: DatedVideo;
  /** The browser decides on its own how far it stays behind. */
  latency: Seconds;
  #retry: ReturnType<typeof setTimeout> | undefined;

  constructor(options: FeedOptions) {
    this.#options = options;
    this.#video = options.video;
    this.latency = options.latency;
  }

  /** Whether this browser can play it. */
  static supported(video: Pick<HTMLVideoElement, "canPlayType">): boolean {
    return video.canPlayType("application/vnd.apple.mpegurl") !== "";
  }

  start(signal: AbortSignal): void {
    const { changed } = this.#options;
    this.#video.addEventListener("canplay", () => changed("buffered", ""), { signal });
    this.#video.addEventListener("error", () => this.#failed(), { signal });
    signal.addEventListener(
      "abort",
      () => {
        clearTimeout(this.#retry);
        this.#video.removeAttribute("src");
        this.#video.load();
      },
      { once: true },
    );
    this.reload();
  }

  #failed(): void {
    this.#options.changed("waiting", "Waiting for the broadcast to begin.");
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => this.reload(), RETRY);
  }

  hurry(): void {
    if (this.#retry !== undefined) this.reload();
  }

  reload(): void {
    clearTimeout(this.#retry);
    this.#retry = undefined;
    this.#options.changed("loading", "");
    this.#video.src = this.#options.url;
    this.#video.load();
  }

  get #startDate(): number | undefined {
    const date = this.#video.getStartDate?.().getTime();
    return date === undefined || Number.isNaN(date) ? undefined : date;
  }

  dateAt(at: Seconds): Micros | undefined {
    const start = this.#startDate;
    return start === undefined ? undefined : micros(start * 1000 + at * 1e6);
  }

  positionOfDate(instant: Micros): Seconds | undefined {
    const start = this.#startDate;
    return start === undefined ? undefined : seconds((instant - start * 1000) / 1e6);
  }

  ticksAt(): undefined {
    return undefined;
  }

  positionOf(): undefined {
    return undefined;
  }

  domainAt(): number {
    return 0;
  }

  beyondHole(): undefined {
    return undefined;
  }
}
