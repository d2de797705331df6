/**
 * Feeds a media element from the channel's playlist through hls.js, keeps
 * coming back when that breaks, and knows the channel media time of a frame.
 *
 * @module
 */
import Hls, {
  type ErrorData,
  ErrorDetails,
  ErrorTypes,
  Events,
  type LevelDetails,
  type MediaFragment,
} from "hls.js";
import { backoff, type Micros, micros, type Seconds, seconds, type Ticks, ticksAt } from "../core/index.ts";
import { carriedByEvents, carriedByRanges } from "./carriers.ts";
import type { Feed, FeedOptions } from "./feed.ts";
import { markLoaded } from "./part-marks.ts";

const MISSING_RETRY = 1500;
const CODEC_RETRY = 5000;
const MEDIA_RECOVERY_GAP = 3000;
const RESUMES = 4;

/** Runs hls.js with its own latency control switched off. */
export class HlsSource implements Feed {
  readonly #options: FeedOptions;
  #hls: Hls | undefined;
  #details: LevelDetails | undefined;
  readonly #offsets = new Map<number, Seconds>();
  /** Revisions of cues that have been told of. */
  readonly #told = new Set<string>();
  #failures = 0;
  #fresh = true; // nothing was loaded since it began
  #recoveredAt = Number.NEGATIVE_INFINITY;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #url: string;
  #denied = false;

  constructor(options: FeedOptions) {
    this.#options = options;
    this.#url = options.url;
  }

  /** Whether this browser can play it. */
  static supported(): boolean {
    return Hls.isSupported();
  }

  /** Starts, and ends when `signal` aborts. */
  start(signal: AbortSignal): void {
    const hls = new Hls(config(this.#options.latency));
    this.#hls = hls;
    this.#listen(hls);
    this.#options.changed("loading", "");
    hls.loadSource(this.#url);
    hls.attachMedia(this.#options.video);
    signal.addEventListener(
      "abort",
      () => {
        clearTimeout(this.#retry);
        hls.destroy();
        this.#hls = undefined;
      },
      { once: true },
    );
  }

  /** The channel went on air, the server is back, or the viewer was let in: a source that waits asks at once. */
  hurry(): void {
    if (this.#retry !== undefined || (this.#denied && this.#readmit())) this.reload();
  }

  /** Whether the viewer was let in with something that was not tried yet. */
  #readmit(): boolean {
    const url = this.#options.admitted?.();
    if (url === undefined || url === this.#url) return false;
    this.#url = url;
    this.#denied = false;
    this.#options.changed("loading", "");
    return true;
  }

  /** The target latency changed. */
  get latency(): Seconds {
    return seconds(this.#hls?.config.liveSyncDuration ?? this.#options.latency);
  }

  set latency(latency: Seconds) {
    if (this.#hls !== undefined) this.#hls.config.liveSyncDuration = latency;
  }

  /**
   * Channel media time of position `at`. Undefined where nothing was loaded.
   *
   * hls.js shifts every discontinuity domain so that the element's axis stays
   * short, and says by how much; adding it back gives the stream's own time.
   */
  ticksAt(at: Seconds, scale: number): Ticks | undefined {
    const offset = this.#offsetAt(at);
    return offset === undefined ? undefined : ticksAt(at + offset, scale);
  }

  /** The position of channel media time `wanted` in the newest domain. */
  positionOf(wanted: Ticks, scale: number): Seconds | undefined {
    const offset = [...this.#offsets].reduce((a, b) => (b[0] >= a[0] ? b : a), [-1, seconds(Number.NaN)])[1];
    return Number.isNaN(offset) ? undefined : seconds(wanted / scale - offset);
  }

  /** The dates of the playlist are those of the first picture of a segment, not of the sound before it. */
  dateAt(at: Seconds): Micros | undefined {
    const fragment = this.#fragments.findLast((f) => f.start <= at) ?? this.#fragments[0];
    const date = fragment?.programDateTime ?? undefined;
    return fragment === undefined || date === undefined
      ? undefined
      : micros(date * 1000 + (at - pictureStart(fragment)) * 1e6);
  }

  positionOfDate(instant: Micros): Seconds | undefined {
    const dated = this.#fragments.filter((f) => f.programDateTime !== null);
    const fragment = dated.findLast((f) => (f.programDateTime ?? 0) * 1000 <= instant) ?? dated[0];
    const date = fragment?.programDateTime ?? undefined;
    return fragment === undefined || date === undefined
      ? undefined
      : seconds(pictureStart(fragment) + (instant - date * 1000) / 1e6);
  }

  /** Those listed, and the one that grows. */
  get #fragments(): MediaFragment[] {
    const { fragments = [], fragmentHint } = this.#details ?? {};
    return fragmentHint === undefined ? fragments : [...fragments, fragmentHint];
  }

  /**
   * Where media go on after the domain that ends before a hole: at the date `wanted` (ms since 1970), or where
   * the next domain begins, if that is later. Undefined while the playlist has no later domain.
   */
  beyondHole(at: Seconds, wanted: number): Seconds | undefined {
    const domain = this.domainAt(at) ?? Number.POSITIVE_INFINITY;
    const next = this.#fragments.find((f) => f.cc > domain && f.gap !== true);
    const begins = next?.programDateTime ?? undefined;
    if (next === undefined || begins === undefined) return undefined;
    return seconds(next.start + Math.max(0.05, (wanted - begins) / 1000));
  }

  /** The discontinuity domain at position `at`. */
  domainAt(at: Seconds): number | undefined {
    const fragments = this.#fragments;
    return (fragments.findLast((f) => f.start <= at) ?? fragments[0])?.cc;
  }

  #offsetAt(at: Seconds): Seconds | undefined {
    const domain = this.domainAt(at);
    const offset = domain === undefined ? undefined : this.#offsets.get(domain);
    return offset ?? (this.#offsets.size === 1 ? [...this.#offsets.values()][0] : undefined);
  }

  #listen(hls: Hls): void {
    hls.on(Events.INIT_PTS_FOUND, (_, { frag, initPTS, timescale }) => {
      this.#offsets.set(frag.cc, seconds(initPTS / timescale));
    });
    hls.on(Events.LEVEL_UPDATED, (_, { details }) => {
      this.#details = details;
      markLoaded(details, this.#options.video.buffered);
      for (const cue of carriedByRanges(details.dateRanges, this.#told)) this.#options.carried(cue);
      if (!details.live) this.#over(hls);
    });
    hls.on(Events.AUDIO_TRACK_UPDATED, (_, { details }) => {
      markLoaded(details, this.#options.video.buffered);
    });
    hls.on(Events.FRAG_PARSING_METADATA, (_, { samples }) => {
      for (const cue of carriedByEvents(samples, this.#told)) this.#options.carried(cue);
    });
    hls.on(Events.MANIFEST_LOADING, () => {
      this.#offsets.clear();
      this.#details = undefined;
      this.#fresh = true;
    });
    hls.on(Events.FRAG_BUFFERED, () => {
      this.#failures = 0;
      this.#fresh = false;
      this.#options.changed("buffered", "");
    });
    hls.on(Events.ERROR, (_, data) => this.#failed(hls, data));
  }

  /** Whoever watches plays to the end; whoever comes now is not shown a show that is over. */
  #over(hls: Hls): void {
    if (this.#fresh) hls.stopLoad();
    this.#options.changed("ended", "The broadcast has ended.");
  }

  #failed(hls: Hls, data: ErrorData): void {
    if (!data.fatal) return;
    if (data.details === ErrorDetails.MANIFEST_INCOMPATIBLE_CODECS_ERROR) {
      this.#options.changed("failed", "This browser cannot play the video. Answers still count.");
      this.#retryAfter(CODEC_RETRY, () => this.reload());
      return;
    }
    if (data.type === ErrorTypes.MEDIA_ERROR) this.#recoverMedia(hls);
    else this.#recoverNetwork(hls, data);
  }

  #recoverMedia(hls: Hls): void {
    this.#options.changed("loading", "The picture had a problem. Trying again.");
    const soon = performance.now() - this.#recoveredAt < MEDIA_RECOVERY_GAP;
    this.#recoveredAt = performance.now();
    if (soon) this.#retryAfter(MEDIA_RECOVERY_GAP, () => this.reload());
    else hls.recoverMediaError();
  }

  /** A playlist that is not there is a broadcast that has not begun; anything else is the network. */
  #recoverNetwork(hls: Hls, data: ErrorData): void {
    const status = data.response?.code;
    if (status === 404 || status === 503) {
      this.#options.changed("waiting", "Waiting for the broadcast to begin.");
      this.#retryAfter(MISSING_RETRY, () => this.reload());
      return;
    }
    if (status === 410) {
      this.reload(); // the path of a protected channel's media is over: the first playlist names another
      return;
    }
    if (status === 401 || status === 403) {
      if (this.#readmit()) {
        this.reload();
        return;
      }
      this.#denied = true;
      this.#options.changed(
        "failed",
        "This broadcast is not open to everybody. Open it with the link you were given.",
      );
      return;
    }
    const known = data.type === ErrorTypes.NETWORK_ERROR || data.type === ErrorTypes.OTHER_ERROR;
    if (known) this.#options.changed("loading", "The video cannot be reached. Trying again.");
    else this.#options.changed("failed", "This browser cannot play the video. Answers still count.");
    // A short gap is bridged from where it was; after more, what the server has forgotten is of no use.
    const resume = this.#details !== undefined && this.#failures < RESUMES;
    const wait = 500 + backoff(this.#failures++, Math.random());
    this.#retryAfter(wait, () => (resume ? hls.startLoad() : this.reload()));
  }

  #retryAfter(wait: number, retry: () => void): void {
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => {
      this.#retry = undefined;
      retry();
    }, wait);
  }

  /** Starts over from the playlist. */
  reload(): void {
    clearTimeout(this.#retry);
    this.#retry = undefined;
    this.#hls?.loadSource(this.#url);
  }
}

const pictureStart = (fragment: MediaFragment): number =>
  fragment.elementaryStreams.video?.startPTS ?? fragment.start;

function config(latency: Seconds): Partial<Hls["config"]> {
  return {
    lowLatencyMode: true,
    liveSyncMode: "edge",
    liveSyncDuration: latency,
    // Ours is the only hand on the latency: no rates of its own, no target that grows with stalls.
    maxLiveSyncPlaybackRate: 1,
    liveSyncOnStallIncrease: 0,
    liveDurationInfinity: true,
    backBufferLength: 30,
    enableInterstitialPlayback: false,
    enableDateRangeMetadataCues: false,
    enableID3MetadataCues: false,
    enableEmsgMetadataCues: false,
    // Fragmented MP4 passes through almost untouched, and a worker from a blob would need a looser CSP.
    enableWorker: false,
  };
}
