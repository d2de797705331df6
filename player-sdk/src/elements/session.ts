/**
 * Everything behind one `<cuelight-player>`: connection, player, openings,
 * heartbeat, and the cue on stage.
 *
 * @module
 */
import {
  type Connection,
  localNow,
  type Millis,
  micros,
  phaseOf,
  Stage,
  type Staged,
  type StatusMessage,
  wholeMicros,
} from "../core/index.ts";
import { Heartbeat, LivePlayer, Opener, type Opening, onWake } from "../player/index.ts";
import { type Detail, detailsView } from "./details-view.ts";
import { type OverlayView, overlayView } from "./overlay-view.ts";
import { noticeView, type StatusView, statusView } from "./status-view.ts";

const TICK = 100;
const BEHIND = 1000;

/** What to show, and whom to tell. */
export interface SessionOptions {
  readonly connection: Connection;
  readonly video: HTMLVideoElement;
  /** Of the multivariant playlist. */
  readonly url: string;
  readonly latency: Millis | undefined;
  /** Something to show has changed; called in the same display frame. */
  readonly changed: () => void;
  readonly opened: (opening: Opening) => void;
}

/** One viewer of one channel. Create it, then {@link Session.run} it once. */
export class Session {
  readonly player: LivePlayer;
  /** How this viewer's windows opened, oldest first; the last hundred. */
  readonly openings: Opening[] = [];
  readonly #options: SessionOptions;
  readonly #opener: Opener;
  readonly #stage = new Stage();
  readonly #heartbeat = new Heartbeat();

  constructor(options: SessionOptions) {
    this.#options = options;
    const { connection } = options;
    this.player = new LivePlayer(options);
    this.#opener = new Opener({
      connection,
      show: () => options.changed(),
      shownInstant: () => this.player.shownInstant,
      class: () => this.player.view.class,
      opened: (opening) => this.#opened(opening),
    });
  }

  /** Runs all parts until `signal` aborts. */
  async run({ signal }: { readonly signal: AbortSignal }): Promise<void> {
    const { connection, changed } = this.#options;
    connection.room.subscribe(() => this.#roomChanged(), { signal });
    onWake(() => connection.wake(), signal);
    this.#opener.run({ signal });
    const timer = setInterval(() => {
      this.#beat();
      changed();
    }, TICK);
    signal.addEventListener("abort", () => clearInterval(timer), { once: true });
    await this.player.run({ signal });
  }

  #roomChanged(): void {
    if (this.#options.connection.room.getState().link.is !== "open") this.#heartbeat.reset();
    this.#options.changed();
  }

  #opened(opening: Opening): void {
    this.openings.push(opening);
    if (this.openings.length > 100) this.openings.shift();
    this.#options.opened(opening);
  }

  /** The cue on screen. */
  get view(): OverlayView | undefined {
    const staged = this.#staged();
    return staged === undefined ? undefined : this.#view(staged);
  }

  /** The cue whose text is known and whose window opens next. */
  get next(): OverlayView | undefined {
    const { connection } = this.#options;
    const now = connection.now();
    if (now === undefined) return undefined;
    for (const cue of connection.room.getState().cues.values()) {
      const phase = phaseOf(cue, now);
      const ahead = phase === "waiting" || (phase === "open" && !this.#opener.hasOpened(cue.id));
      if (ahead && cue.text !== undefined) return this.#view({ cue, phase: "waiting" });
    }
    return undefined;
  }

  #staged(): Staged | undefined {
    const { connection } = this.#options;
    const now = connection.now();
    if (now === undefined) return undefined;
    return this.#stage.at(connection.room.getState(), now, (cue) => this.#opener.hasOpened(cue));
  }

  #view(staged: Staged): OverlayView | undefined {
    const { room, clock } = this.#options.connection;
    const behind = (this.player.view.error ?? 0) > BEHIND;
    return overlayView(room.getState(), staged, clock, behind);
  }

  /** How the player stands. */
  get status(): StatusView {
    const { connection } = this.#options;
    const now = localNow();
    return statusView({
      room: connection.room.getState(),
      player: this.player.view,
      synced: connection.clock.synced(now),
      dispersion: connection.clock.dispersion(now),
      now,
    });
  }

  /** What to say across the picture; empty while it plays. */
  get notice(): string {
    return noticeView(this.player.view);
  }

  /** The figures behind the status. */
  get details(): Detail[] {
    const { connection } = this.#options;
    const room = connection.now();
    return detailsView({
      room: connection.room.getState(),
      player: this.player.view,
      dispersion: connection.clock.dispersion(localNow()),
      rtt: connection.clock.rtt?.min,
      wallError: room === undefined ? undefined : micros(room - Date.now() * 1000),
    });
  }

  /** Answers the cue on screen. */
  answer(cueId: string, option: number, at: Millis): void {
    const { connection } = this.#options;
    const cue = connection.room.getState().cues.get(cueId);
    if (cue !== undefined) connection.answer(cue, [option], at);
  }

  #beat(): void {
    const { connection } = this.#options;
    if (connection.role !== "viewer") return;
    const status = this.#statusMessage();
    const now = localNow();
    if (this.#heartbeat.due(status, now) && connection.report(status)) this.#heartbeat.sent(status, now);
  }

  #statusMessage(): StatusMessage {
    const { connection } = this.#options;
    const { error, class: syncClass } = this.player.view;
    return {
      t: "status",
      synced: connection.clock.synced(localNow()),
      disp_us: connection.dispersion(),
      rtt_us: wholeMicros(connection.clock.rtt?.min ?? 0),
      ...(error === undefined ? {} : { err_us: wholeMicros(error * 1000) }),
      class: syncClass,
      visible: document.visibilityState === "visible",
    };
  }
}
