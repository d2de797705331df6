/**
 * Everything behind one `<cuelight-player>`: connection, player, openings,
 * heartbeat, and the cue on stage.
 *
 * @module
 */
import {
  type Cue,
  localNow,
  MAIN_SLOT,
  type Millis,
  micros,
  phaseOf,
  type RoomLink,
  Stage,
  type Staged,
  type StatusMessage,
  wholeMicros,
} from "../core/index.ts";
import {
  Closer,
  Heartbeat,
  LivePlayer,
  Opener,
  type Opening,
  onLeave,
  onWake,
  StuckMeter,
} from "../player/index.ts";
import { type Detail, detailsView } from "./details-view.ts";
import { type DoorView, doorView } from "./door-view.ts";
import { type OverlayView, overlayView } from "./overlay-view.ts";
import { noticeView, type StatusView, statusView } from "./status-view.ts";

const TICK = 100;
const BEHIND = 1000;

/** What to show, and whom to tell. */
export interface SessionOptions {
  readonly connection: RoomLink;
  readonly video: HTMLVideoElement;
  /** Of the multivariant playlist. */
  readonly url: string;
  /** The same with what the viewer was let in with, once it was. */
  readonly admitted: () => string | undefined;
  readonly latency: Millis | undefined;
  /** Something to show has changed; called in the same display frame. */
  readonly changed: () => void;
  readonly opened: (opening: Opening) => void;
  /** Whether the browser will show a cue at its instant, even if this page is busy then. */
  readonly driven: (cue: string) => boolean;
}

/** One viewer of one channel. Create it, then {@link Session.run} it once. */
export class Session {
  readonly player: LivePlayer;
  /** How this viewer's windows opened, oldest first; the last hundred. */
  readonly openings: Opening[] = [];
  readonly #options: SessionOptions;
  readonly #opener: Opener;
  readonly #closer: Closer;
  readonly #stages = new Map<string, Stage>();
  readonly #heartbeat = new Heartbeat();
  readonly #stuck = new StuckMeter();
  #door: DoorView | undefined;
  #tries = 0; // PINs that were typed

  constructor(options: SessionOptions) {
    this.#options = options;
    const { connection } = options;
    this.player = new LivePlayer(options);
    this.#opener = new Opener({
      connection,
      show: () => options.changed(),
      shownInstant: () => this.player.shownInstant,
      class: () => this.player.view.class,
      // Without a measured clock R goes by the picture: media are on screen at their O.
      screenInstant: (media) => (connection.measured ? this.player.screenInstant(media) : micros(0)),
      archive: () => this.player.archive,
      picture: () => this.#trouble(),
      driven: options.driven,
      opened: (opening) => this.#opened(opening),
    });
    this.#closer = new Closer({
      connection,
      opened: (cue) => this.#opener.hasOpened(cue),
      show: () => options.changed(),
    });
  }

  /** Runs all parts until `signal` aborts. */
  async run({ signal }: { readonly signal: AbortSignal }): Promise<void> {
    const { connection, changed } = this.#options;
    connection.room.subscribe(() => this.#roomChanged(), { signal });
    onWake((why) => connection.wake(why), signal);
    onLeave((how) => connection.leave(how), signal);
    this.#opener.run({ signal });
    this.#closer.run({ signal });
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
    this.#closer.look();
  }

  /** What is wrong with the picture when a window opens. */
  #trouble(): "paused" | "behind" | undefined {
    const { phase, error } = this.player.view;
    if (phase === "paused") return "paused";
    return error !== undefined && error > BEHIND ? "behind" : undefined;
  }

  /** The cue on screen in a place. */
  view(slot: string = MAIN_SLOT): OverlayView | undefined {
    const staged = this.#staged(slot);
    return staged === undefined ? undefined : this.#view(staged);
  }

  /** The cue whose text is known and whose window opens next in a place. */
  next(slot: string = MAIN_SLOT): OverlayView | undefined {
    const { connection } = this.#options;
    const now = connection.now();
    if (now === undefined) return undefined;
    for (const cue of connection.room.getState().cues.values()) {
      if ((cue.slot ?? MAIN_SLOT) !== slot || cue.text === undefined || !this.#isAhead(cue)) continue;
      return this.#view({ cue, phase: "waiting" }, this.#opener.startsAt(cue));
    }
    return undefined;
  }

  #isAhead(cue: Cue): boolean {
    const now = this.#options.connection.now();
    const phase = now === undefined ? "gone" : phaseOf(cue, now);
    return (phase === "waiting" || phase === "open") && this.#opener.standing(cue.id) === "unseen";
  }

  #staged(slot: string): Staged | undefined {
    const { connection } = this.#options;
    const now = connection.now();
    if (now === undefined) return undefined;
    const stage = this.#stages.get(slot) ?? new Stage(slot);
    this.#stages.set(slot, stage);
    return stage.at(connection.room.getState(), now, (cue) => this.#opener.standing(cue));
  }

  #view(staged: Staged, opensAt?: Millis): OverlayView | undefined {
    const { room, clock } = this.#options.connection;
    const behind = (this.player.view.error ?? 0) > BEHIND;
    return overlayView(room.getState(), staged, clock, { behind, mute: this.#mute, opensAt });
  }

  get #mute(): string {
    if (!this.#options.connection.answers) return "To answer, open this broadcast on its own page.";
    return this.player.archive ? "You are watching later: answers are closed." : "";
  }

  /** Why the viewer is not let in, if so. It stands while the server looks at a PIN. */
  get door(): DoorView | undefined {
    const { link } = this.#options.connection.room.getState();
    if (link.is === "open") {
      this.#door = undefined;
      this.#tries = 0;
    } else if (link.is === "refused") {
      this.#door = doorView(link, this.#tries);
    }
    return this.#door;
  }

  /** Comes in with what the viewer typed. */
  enter(pin: string): void {
    this.#tries++;
    this.#options.connection.enter(pin);
  }

  /** How the player stands. */
  get status(): StatusView {
    const { connection } = this.#options;
    const now = localNow();
    return statusView({
      room: connection.room.getState(),
      player: this.player.view,
      measured: connection.measured,
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
      thread: connection.thread,
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
    const view = this.player.view;
    const { error, class: syncClass } = view;
    const visible = document.visibilityState === "visible";
    const stuck = this.#stuck.step(view, visible, localNow());
    return {
      t: "status",
      synced: connection.clock.synced(localNow()),
      disp_us: connection.dispersion(),
      rtt_us: wholeMicros(connection.clock.rtt?.min ?? 0),
      ...(error === undefined ? {} : { err_us: wholeMicros(error * 1000) }),
      class: syncClass,
      visible,
      ...(stuck ? { stuck } : {}),
    };
  }
}
