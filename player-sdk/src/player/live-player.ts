/**
 * Plays a channel in a media element and holds its frames to the room's target
 * latency.
 *
 * @module
 */
import {
  type Connection,
  isOpening,
  LatencyController,
  localNow,
  type Micros,
  type Millis,
  micros,
  millis,
  type Seconds,
  START_DELAY,
  StartDelay,
  seconds,
  type Timeline,
  TimelineMap,
  wholeMicros,
} from "../core/index.ts";
import { align, type Due, pause, startPoint, stretches } from "./alignment.ts";
import { isSafari } from "./browser.ts";
import { ErrorWindow, FrameInterval, lateness, type ShownFrame, watchFrames } from "./frame-meter.ts";
import { HlsSource, type SourceState } from "./hls-source.ts";
import { classOf, type PlayerPhase, type PlayerView } from "./view.ts";

/** How to play. */
export interface LivePlayerOptions {
  readonly video: HTMLVideoElement;
  readonly connection: Connection;
  /** Of the multivariant playlist. */
  readonly url: string;
  /** Overrides the channel's target latency. */
  readonly latency?: Millis | undefined;
  /** The view changed. */
  readonly changed: () => void;
}

const TICK = 250;
const DEFAULT_LATENCY = 3000;
const CLOCK_PATIENCE = 2500; // ms that loading waits for the clock, whose pings it would delay
const STALL_RESTART = 1000; // ms after which going on is a new start
const STALL_RELOAD = 5000; // ms after which a source that is on air is asked afresh
const REACH_AGAIN = 2000; // ms that the source is given to load beyond a hole
const HOLE = 250; // ms after which a stall is no hiccup
const HAVE_CURRENT_DATA = 2;
const GUARD = 1_500_000; // µs before O in which no seek disturbs

/** One channel in one element. Create it, then {@link LivePlayer.run} it once. */
export class LivePlayer {
  readonly #options: LivePlayerOptions;
  readonly #source: HlsSource;
  readonly #errors = new ErrorWindow();
  readonly #interval = new FrameInterval();
  readonly #controller: LatencyController;
  readonly #startDelay: StartDelay;
  #phase: PlayerPhase = "idle";
  #message = "";
  #map: TimelineMap | undefined;
  #timeline: Timeline | undefined;
  #frame: ShownFrame | undefined;
  #domain: number | undefined;
  #joinedAt = millis(0);
  #aligning = false;
  #started = false;
  #learning = false;
  #stalledAt: Millis | undefined;
  #liveAt = millis(Number.NEGATIVE_INFINITY); // when the channel last went on air
  #reachedAt = millis(Number.NEGATIVE_INFINITY);
  #linked = false;
  #woken = false; // once a loss: a server that sends media takes sockets, too
  #lifetime: AbortSignal = AbortSignal.abort();

  constructor(options: LivePlayerOptions) {
    this.#options = options;
    const safari = isSafari();
    this.#controller = new LatencyController({ rates: !safari });
    this.#startDelay = new StartDelay(safari ? START_DELAY.safari : START_DELAY.usual);
    this.#source = new HlsSource({
      video: options.video,
      url: options.url,
      latency: seconds(this.target / 1000),
      changed: (state, message) => this.#sourceChanged(state, message),
    });
  }

  /** Target latency L. */
  get target(): Millis {
    return this.#options.latency ?? this.#timeline?.latency_ms ?? millis(DEFAULT_LATENCY);
  }

  /** How the player is now. */
  get view(): PlayerView {
    const error = this.#phase === "playing" ? this.#errors.median(localNow()) : undefined;
    return {
      phase: this.#phase,
      message: this.#message,
      error,
      target: this.target,
      rate: this.#options.video.playbackRate,
      buffer: this.#buffer(),
      class: classOf(this.#phase, error),
    };
  }

  /** P of the frame at `mediaTime`: its instant on R by the channel's timeline. */
  frameInstant(mediaTime: Seconds): Micros | undefined {
    const scale = this.#timeline?.scale;
    const at = scale === undefined ? undefined : this.#source.ticksAt(mediaTime, scale);
    return at === undefined ? undefined : this.#map?.instantOf(at);
  }

  /** P of the frame on screen. */
  get shownInstant(): Micros | undefined {
    const instant = this.#frame === undefined ? undefined : this.frameInstant(this.#frame.mediaTime);
    return instant === undefined ? undefined : wholeMicros(instant);
  }

  /** Plays until `signal` aborts. */
  async run({ signal }: { readonly signal: AbortSignal }): Promise<void> {
    const { connection, video } = this.#options;
    this.#lifetime = signal;
    if (!HlsSource.supported()) {
      this.#enter("failed", "This browser cannot play live video. Answers still count.");
      return;
    }
    connection.room.subscribe(() => this.#roomChanged(), { signal });
    this.#roomChanged();
    this.#enter("loading", "");
    await this.#clockReady(signal);
    if (signal.aborted) return;
    this.#source.start(signal);
    this.#watch(video, signal);
    const timer = setInterval(() => this.#tick(), TICK);
    await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
    clearInterval(timer);
    this.#enter("idle", "");
  }

  /** Plays on after a pause; to be called from a user's gesture. */
  resume(): void {
    this.#rejoin();
    void this.#play();
  }

  async #clockReady(signal: AbortSignal): Promise<void> {
    const deadline = localNow() + CLOCK_PATIENCE;
    const { clock } = this.#options.connection;
    while (!signal.aborted && localNow() < deadline && !clock.synced(localNow())) await pause(50, signal);
  }

  #roomChanged(): void {
    const { link, timeline: next } = this.#options.connection.room.getState();
    const linked = link.is === "open";
    if (linked && !this.#linked) this.#source.hurry();
    if (linked) this.#woken = false;
    this.#linked = linked;
    if (next === undefined || next === this.#timeline) return;
    const wentLive = next.live && this.#timeline?.live !== true;
    if (wentLive) this.#liveAt = localNow();
    this.#timeline = next;
    this.#map = new TimelineMap(next);
    this.#source.latency = seconds(this.target / 1000);
    if (wentLive) this.#source.hurry();
  }

  #watch(video: HTMLVideoElement, signal: AbortSignal): void {
    watchFrames(video, (frame) => this.#shown(frame), signal);
    video.addEventListener("seeking", () => this.#errors.clear(), { signal });
    video.addEventListener("waiting", () => this.#starved(), { signal });
    video.addEventListener("playing", () => this.#playing(), { signal });
    video.addEventListener("pause", () => this.#paused(), { signal });
    video.addEventListener("ratechange", () => this.#controller.rateLost(video.playbackRate), { signal });
    const visible = (): void => this.#visible();
    document.addEventListener("visibilitychange", visible, { signal });
  }

  #shown(frame: ShownFrame): void {
    this.#frame = frame;
    this.#interval.add(frame.mediaTime);
    const domain = this.#source.domainAt(frame.mediaTime);
    if (domain !== this.#domain) {
      this.#domain = domain;
      this.#rejoin();
    }
    const at = this.#options.connection.clock.at(frame.at);
    const due = this.#dueAt(frame.mediaTime);
    if (at !== undefined && due !== undefined) this.#errors.add({ at: frame.at, error: lateness(at, due) });
  }

  #dueAt(position: Seconds): Micros | undefined {
    const instant = this.frameInstant(position);
    return instant === undefined ? undefined : micros(instant + this.target * 1000);
  }

  get #due(): Due {
    const { connection } = this.#options;
    return {
      now: () => connection.now(),
      positionAt: (instant) => {
        const scale = this.#timeline?.scale;
        const at = this.#map?.ticksOf(micros(instant - this.target * 1000));
        return scale === undefined || at === undefined ? undefined : this.#source.positionOf(at, scale);
      },
      dueAt: (position) => this.#dueAt(position),
      startDelay: this.#startDelay.value,
    };
  }

  /** Errors from before mean nothing any more, and a seek is allowed again. */
  #rejoin(): void {
    this.#errors.clear();
    this.#controller.joined();
    this.#joinedAt = localNow();
  }

  #sourceChanged(state: SourceState, message: string): void {
    if (state === "buffered") {
      this.#wakeConnection();
      if (this.#started) return;
      this.#started = true;
      this.#stalledAt = undefined;
      this.#rejoin();
      void this.#alignAndPlay();
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
      await align(this.#options.video, this.#due, this.#lifetime);
      if (this.#lifetime.aborted) return;
      this.#errors.clear();
      this.#learning = true;
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
    this.#errors.clear();
    if (this.#phase !== "playing" || this.#options.video.seeking) return;
    const live = this.#timeline?.live !== false;
    this.#stalledAt ??= localNow();
    this.#enter("stalled", live ? "Catching up with the broadcast." : "The broadcast is interrupted.");
  }

  /** After a long stall the picture has stopped anyway: it goes on in step, if what is due is there. */
  #playing(): void {
    const stalled = this.#stalledAt === undefined ? 0 : localNow() - this.#stalledAt;
    this.#stalledAt = undefined;
    this.#enter("playing", "");
    if (stalled < STALL_RESTART || startPoint(stretches(this.#options.video), this.#due) === undefined)
      return;
    this.#rejoin();
    void this.#alignAndPlay();
  }

  /** Beyond a hole in the media it goes on as soon as what is due is there. */
  #bridgeHole(): void {
    const { video } = this.#options;
    if (this.#stalledAt === undefined || this.#aligning || localNow() - this.#stalledAt < HOLE) return;
    if (startPoint(stretches(video), this.#due) !== undefined) {
      this.#stalledAt = undefined;
      this.#rejoin();
      void this.#alignAndPlay();
      return;
    }
    this.#reachBeyond();
  }

  /** What is due lies beyond the hole and is not loaded: the source loads where the playhead is. */
  #reachBeyond(): void {
    const { video, connection } = this.#options;
    const now = connection.now();
    if (now === undefined || video.seeking || localNow() - this.#reachedAt < REACH_AGAIN) return;
    const position = this.#source.beyondHole(seconds(video.currentTime), now / 1000 - this.target);
    if (position === undefined) return;
    this.#reachedAt = localNow();
    video.currentTime = position;
  }

  /** A source that brings nothing although the channel is on air is asked afresh. */
  #reviveStalled(): void {
    if (this.#stalledAt === undefined || this.#timeline?.live !== true || !this.#linked) return;
    if (localNow() - Math.max(this.#stalledAt, this.#liveAt) < STALL_RELOAD) return;
    this.#stalledAt = localNow();
    this.#started = false;
    this.#source.reload();
  }

  #paused(): void {
    const hidden = document.visibilityState === "hidden";
    if (this.#aligning || !this.#started || hidden) return;
    this.#enter("paused", "Paused. Tap to play.");
  }

  #visible(): void {
    if (document.visibilityState !== "visible") return;
    this.#rejoin();
    if (this.#options.video.paused && this.#started && this.#phase === "playing") void this.#play();
  }

  #tick(): void {
    const { video } = this.#options;
    const error = this.#errors.median(localNow());
    this.#learn(error);
    this.#bridgeHole();
    this.#reviveStalled();
    const action = this.#controller.step({
      now: localNow(),
      error,
      buffer: this.#buffer(),
      playingFor: millis(localNow() - this.#joinedAt),
      suspended: this.#suspended(),
      guarded: this.#guarded(),
      reachable: startPoint(stretches(video), this.#due) !== undefined,
      audible: !video.muted && video.volume > 0,
      frameInterval: this.#interval.value,
    });
    if (action.do === "seek") void this.#alignAndPlay();
    if (action.do === "rate") this.#setRate(action.rate, action.preservesPitch);
    this.#options.changed();
  }

  /** The first error after a start says how long starts take here. */
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
      this.#aligning ||
      video.paused ||
      video.seeking ||
      video.readyState < 3 ||
      document.visibilityState === "hidden" ||
      !connection.clock.synced(localNow())
    );
  }

  #guarded(): boolean {
    const { connection } = this.#options;
    const now = connection.now();
    if (now === undefined) return false;
    return [...connection.room.getState().cues.values()].some((cue) => isOpening(cue, now, micros(GUARD)));
  }

  #buffer(): Millis {
    const { video } = this.#options;
    const here = stretches(video).find(
      (s) => s.start - 0.1 <= video.currentTime && video.currentTime < s.end,
    );
    return millis(here === undefined ? 0 : (here.end - video.currentTime) * 1000);
  }

  #enter(phase: PlayerPhase, message: string): void {
    if (phase === this.#phase && message === this.#message) return;
    this.#phase = phase;
    this.#message = message;
    this.#options.changed();
  }
}
