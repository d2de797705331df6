/**
 * Plays a channel in a media element and holds its frames to the room's target
 * latency.
 *
 * @module
 */
import {
  type CarriedCue,
  localNow,
  type Micros,
  type Millis,
  type RoomLink,
  type Seconds,
  seconds,
  type Ticks,
  type Timeline,
} from "../core/index.ts";
import { align, pause } from "./alignment.ts";
import { Ending } from "./ending.ts";
import type { Feed, FeedOptions, SourceState } from "./feed.ts";
import { type ShownFrame, watchFrames } from "./frame-meter.ts";
import { HlsSource } from "./hls-source.ts";
import { NativeSource } from "./native-source.ts";
import { Picture } from "./picture.ts";
import { Stall } from "./stall.ts";
import { Steering } from "./steering.ts";
import { classOf, type PlayerPhase, type PlayerView } from "./view.ts";

/** How to play. */
export interface LivePlayerOptions {
  readonly video: HTMLVideoElement;
  readonly connection: RoomLink;
  /** Of the multivariant playlist. */
  readonly url: string;
  /** The same with what the viewer was let in with, once it was. */
  readonly admitted?: () => string | undefined;
  /** Overrides the channel's target latency. */
  readonly latency?: Millis | undefined;
  /** The view changed. */
  readonly changed: () => void;
}

const TICK = 250;
const DEFAULT_LATENCY = 3000;
const CLOCK_PATIENCE = 2500; // ms that loading waits for the clock, whose pings it would delay
const HAVE_CURRENT_DATA = 2;

/** One channel in one element. Create it, then {@link LivePlayer.run} it once. */
export class LivePlayer {
  readonly #options: LivePlayerOptions;
  readonly #source: Feed | undefined;
  readonly #picture: Picture;
  readonly #steering: Steering;
  readonly #stall: Stall | undefined;
  #phase: PlayerPhase = "idle";
  #message = "";
  #timeline: Timeline | undefined;
  #aligning = false;
  #started = false;
  #linked = false;
  readonly #ending: Ending;
  #woken = false; // once a loss: a server that sends media takes sockets, too
  #lifetime: AbortSignal = AbortSignal.abort();

  constructor(options: LivePlayerOptions) {
    this.#options = options;
    const { video, connection, latency } = options;
    this.#source = feedOf({
      video,
      url: options.url,
      ...(options.admitted === undefined ? {} : { admitted: options.admitted }),
      latency: seconds((latency ?? DEFAULT_LATENCY) / 1000),
      changed: (state, message) => this.#sourceChanged(state, message),
      carried: (cue) => this.#carried(cue),
    });
    this.#ending = new Ending({ reload: () => this.#source?.reload() });
    this.#picture = new Picture({ video, connection, feed: this.#source, latency });
    this.#steering = new Steering({ video, connection, picture: this.#picture, seek: () => this.#restart() });
    if (this.#source === undefined) return;
    this.#stall = new Stall({
      video,
      feed: this.#source,
      dueInstant: () => this.#picture.dueInstant,
      reachable: () => this.#picture.reachable,
      onAir: () => this.#timeline?.live === true && this.#linked,
      restart: () => {
        this.#steering.rejoined();
        this.#restart();
      },
    });
  }

  /** Target latency L. */
  get target(): Millis {
    return this.#picture.target;
  }

  /** Whether the viewer is so far behind the room by choice that nothing counts any more. */
  get archive(): boolean {
    return this.#picture.archive;
  }

  /** When media time `media` is on this screen, on R; undefined while that is not known. */
  screenInstant(media: Ticks): Micros | undefined {
    return this.#picture.screenInstant(media, this.view.error);
  }

  /** How the player is now. */
  get view(): PlayerView {
    const measured = this.#options.connection.measured && this.#phase === "playing";
    const error = measured ? this.#picture.error : undefined;
    return {
      phase: this.#phase,
      message: this.#message,
      error,
      target: this.target,
      rate: this.#options.video.playbackRate,
      buffer: this.#picture.buffer,
      class: classOf(this.#phase, error),
      control: this.#steering.usesRates ? "rate" : "seek",
    };
  }

  /** P of the frame at `mediaTime`: its instant on R by the channel's timeline. */
  frameInstant(mediaTime: Seconds): Micros | undefined {
    return this.#picture.instantOf(mediaTime);
  }

  /** P of the frame on screen. */
  get shownInstant(): Micros | undefined {
    return this.#picture.shownInstant;
  }

  /** Plays until `signal` aborts. */
  async run({ signal }: { readonly signal: AbortSignal }): Promise<void> {
    const { connection, video } = this.#options;
    this.#lifetime = signal;
    if (this.#source === undefined) {
      this.#enter("failed", "This browser cannot play live video. Answers still count.");
      return;
    }
    connection.room.subscribe(() => this.#roomChanged(), { signal });
    this.#roomChanged();
    this.#enter("loading", "");
    if (connection.measured) await this.#clockReady(signal);
    if (signal.aborted) return;
    this.#source.start(signal);
    this.#watch(video, signal);
    const timer = setInterval(() => this.#tick(), TICK);
    await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
    clearInterval(timer);
    this.#ending.forget();
    this.#enter("idle", "");
  }

  /** Plays on after a pause; to be called from a user's gesture. */
  resume(): void {
    this.#steering.rejoined();
    void this.#play();
  }

  async #clockReady(signal: AbortSignal): Promise<void> {
    const deadline = localNow() + CLOCK_PATIENCE;
    const { connection } = this.#options;
    while (!signal.aborted && localNow() < deadline && !connection.clock.synced(localNow())) {
      await pause(50, signal);
    }
  }

  #roomChanged(): void {
    const { connection } = this.#options;
    const { link, timeline: next } = connection.room.getState();
    const linked = connection.measured && link.is === "open";
    if (linked && !this.#linked) this.#source?.hurry();
    if (linked) this.#woken = false;
    this.#linked = linked;
    if (next === undefined || next === this.#timeline) return;
    const wentLive = next.live && this.#timeline?.live !== true;
    if (wentLive) this.#stall?.live();
    this.#ending.onAir(next.live);
    this.#timeline = next;
    this.#picture.follow(next);
    if (wentLive) this.#source?.hurry();
  }

  #carried(cue: CarriedCue): void {
    this.#options.connection.carried(cue);
  }

  #watch(video: HTMLVideoElement, signal: AbortSignal): void {
    const shown = (frame: ShownFrame): void => {
      if (this.#picture.shown(frame)) this.#steering.rejoined();
    };
    watchFrames(video, shown, signal);
    video.addEventListener("seeking", () => this.#steering.disturbed(), { signal });
    video.addEventListener("waiting", () => this.#starved(), { signal });
    video.addEventListener("ended", () => this.#ended(), { signal });
    video.addEventListener("playing", () => this.#playing(), { signal });
    video.addEventListener("pause", () => this.#paused(), { signal });
    video.addEventListener("ratechange", () => this.#steering.rateLost(), { signal });
    const visible = (): void => this.#visible();
    document.addEventListener("visibilitychange", visible, { signal });
  }

  #restart(): void {
    void this.#alignAndPlay();
  }

  #sourceChanged(state: SourceState, message: string): void {
    if (state === "ended") {
      this.#ending.begin(this.#options.connection.measured, this.#timeline?.live === true);
      if (!this.#started) this.#enter("ended", message);
      return;
    }
    if (state === "buffered") {
      this.#wakeConnection();
      if (this.#started) return;
      this.#started = true;
      this.#stall?.forget();
      this.#steering.rejoined();
      this.#restart();
      return;
    }
    const lost = state === "loading" && this.#options.video.readyState < HAVE_CURRENT_DATA;
    if (state === "waiting" || state === "failed" || lost) this.#started = false;
    if (this.#phase !== "playing" || !this.#started) this.#enter(state, message);
  }

  #wakeConnection(): void {
    if (this.#linked || this.#woken) return;
    this.#woken = true;
    this.#options.connection.wake();
  }

  async #alignAndPlay(): Promise<void> {
    if (this.#aligning) return;
    this.#aligning = true;
    try {
      this.#options.video.pause();
      if (this.#options.connection.measured) {
        await align(this.#options.video, this.#picture.due(this.#steering.startDelay), this.#lifetime);
      }
      if (this.#lifetime.aborted) return;
      this.#steering.started();
    } finally {
      this.#aligning = false;
    }
    await this.#play();
  }

  async #play(): Promise<void> {
    const { video } = this.#options;
    for (const muted of [video.muted, true]) {
      video.muted = muted;
      try {
        await video.play();
        return;
      } catch (cause) {
        if (!(cause instanceof DOMException) || cause.name !== "NotAllowedError") return;
      }
    }
    this.#enter("paused", "Tap to play.");
  }

  #starved(): void {
    const { video } = this.#options;
    this.#picture.disturbed();
    if (this.#phase !== "playing" || video.seeking) return;
    this.#steering.stopped();
    if (this.#ending.over) {
      this.#ended();
      return;
    }
    const live = this.#timeline?.live !== false;
    this.#stall?.begin();
    this.#enter("stalled", live ? "Catching up with the broadcast." : "The broadcast is interrupted.");
  }

  #ended(): void {
    this.#started = false;
    this.#enter("ended", "The broadcast has ended.");
  }

  #playing(): void {
    this.#enter("playing", "");
    this.#stall?.end();
  }

  #paused(): void {
    const hidden = document.visibilityState === "hidden";
    if (this.#aligning || !this.#started || hidden) return;
    this.#enter("paused", "Paused. Tap to play.");
  }

  #visible(): void {
    if (document.visibilityState !== "visible") return;
    this.#steering.rejoined();
    if (this.#options.video.paused && this.#started && this.#phase === "playing") void this.#play();
  }

  #tick(): void {
    if (!this.#ending.over) {
      this.#stall?.look(this.#aligning);
      this.#steering.step(this.#aligning);
    }
    this.#options.changed();
  }

  #enter(phase: PlayerPhase, message: string): void {
    if (phase === this.#phase && message === this.#message) return;
    this.#phase = phase;
    this.#message = message;
    this.#options.changed();
  }
}

/** By what this browser can do: scripts feed the element, or the browser does, or nobody can. */
function feedOf(options: FeedOptions): Feed | undefined {
  if (HlsSource.supported()) return new HlsSource(options);
  return NativeSource.supported(options.video) ? new NativeSource(options) : undefined;
}
