/**
 * A viewer's or producer's connection to a room: it keeps the store, delivers
 * answers and reports, and fetches keys when the socket does not bring them.
 *
 * @module
 */
import type { ClockChange, RoomReader } from "./clock.ts";
import { localNow } from "./clock-sync.ts";
import { CloseCode } from "./close.ts";
import type { CodecName } from "./encoding.ts";
import type { CarriedCue } from "./in-band.ts";
import { KeyFetcher, type KeyFetcherOptions } from "./key-fetcher.ts";
import type { Line, Wake } from "./line.ts";
import { loadMsgpack } from "./load-msgpack.ts";
import { LocalLine, type LocalLineOptions } from "./local-line.ts";
import { Outbox } from "./outbox.ts";
import { closesAt, phaseOf } from "./phase.ts";
import { type Link, RoomStore } from "./room.ts";
import { sendDelay } from "./spread.ts";
import type { TransportSetting } from "./transport.ts";
import { type Micros, type Millis, millis } from "./units.ts";
import type {
  AnswerMessage,
  ClosedMessage,
  Cue,
  OpenedMessage,
  Role,
  ServerMessage,
  StatusMessage,
  WelcomeMessage,
} from "./wire.ts";

const USABLE = 250_000; // µs: a clock worse than this stamps no answer
const MAX_REPORTS = 32; // that wait for a socket

/** Where a viewer's identity is kept between visits. */
export interface TokenPort {
  read(channel: string): string | undefined;
  /** Undefined forgets it. */
  write(channel: string, token: string | undefined): void;
}

/** Where answers that nothing was heard of are kept over a reload of the page. */
export interface AnswerPort {
  read(channel: string): readonly AnswerMessage[];
  write(channel: string, answers: readonly AnswerMessage[]): void;
}

/** How to reach a room. */
export interface ConnectionOptions {
  /** Of the socket: wss://HOST/ws/v1. */
  readonly url: string;
  readonly channel: string;
  /** Default viewer. */
  readonly role?: Role;
  /** Default: nowhere; every connection is a new viewer. */
  readonly tokens?: TokenPort;
  /** Default: nowhere; a reload forgets them. */
  readonly kept?: AnswerPort;
  /** Code of a one-time link, by which the viewer comes in. */
  readonly link?: string;
  /** Which ways may be taken. Default "auto". Of the line, where that is given. */
  readonly transport?: TransportSetting;
  /** How messages are written. Default "json". Of the line, where that is given. */
  readonly codec?: CodecName;
  /** Origins of servers that this one may send the viewer to. Default none. Of the line, where that is given. */
  readonly trust?: readonly string[];
  /** The way to the server. Default: a socket in this thread. */
  readonly line?: Line;
  /** Makes a socket. Default `new WebSocket`. */
  readonly open?: LocalLineOptions["open"];
  /** Makes a stream where sockets do not work. Default one over `fetch`. */
  readonly openStream?: LocalLineOptions["openStream"];
  /** Asks HTTP for a key. Default `fetch`. */
  readonly fetch?: KeyFetcherOptions["fetch"];
  /** Sends an answer that outlives the page. Default `fetch`. */
  readonly post?: (url: string, init: RequestInit) => Promise<unknown>;
  /** In [0, 1). Default Math.random. */
  readonly random?: () => number;
  /** Is told of what goes wrong without ending anything. Default: nobody. */
  readonly warn?: (message: string, cause: unknown) => void;
}

/** What player and elements need of a room, wherever its cues come from. */
export interface RoomLink {
  readonly channel: string;
  readonly role: Role;
  /** What is known of the room. */
  readonly room: RoomStore;
  /** The room clock as this device reads it. */
  readonly clock: RoomReader;
  /** Where the clock is, in words for the details. */
  readonly thread: string;
  /** Whether answers can be sent at all. */
  readonly answers: boolean;
  /** Whether there is a socket that measures the clock. */
  readonly measured: boolean;
  /** Who the viewer is, once it was let in. */
  readonly token: string | undefined;
  run(options: { readonly signal: AbortSignal }): Promise<void>;
  now(): Micros | undefined;
  onClock(listener: (change: ClockChange | "reset") => void, options: { readonly signal: AbortSignal }): void;
  answer(cue: Cue, choice: readonly number[], tappedAt: Millis): void;
  report(message: OpenedMessage | ClosedMessage | StatusMessage): boolean;
  dispersion(): Micros;
  wake(why?: Wake): void;
  /** The page may stop running any moment, or is about to go. */
  leave(how: "hidden" | "closed"): void;
  /** Comes in with what the viewer typed. */
  enter(pin: string): void;
  /** A cue came in the playlist or the media. */
  carried(cue: CarriedCue): void;
  /** The frame of instant P is on screen when this device's clock shows `at`. */
  shown(instant: Micros, at: Millis): void;
}

/** A connection to a room. Create it, then {@link Connection.run} it. */
export class Connection implements RoomLink {
  readonly channel: string;
  readonly role: Role;
  readonly room: RoomStore;
  readonly answers = true;
  readonly measured = true;
  readonly #options: ConnectionOptions;
  readonly #line: Line;
  readonly #keys: KeyFetcher;
  readonly #outbox: Outbox;
  readonly #reports: (OpenedMessage | ClosedMessage)[] = [];
  readonly #clockListeners = new Set<(change: ClockChange | "reset") => void>();
  #grace: string | undefined;
  #token: string | undefined;
  #ticket: string | undefined; // the code of a link, until somebody is let in
  #pin: string | undefined;
  #typed: (() => void) | undefined;
  #restored: AnswerMessage[] = [];
  #running = false;

  constructor(options: ConnectionOptions) {
    const { url, channel, role = "viewer", open, openStream, random = Math.random } = options;
    const { transport, codec, trust } = options;
    this.#options = options;
    this.channel = channel;
    this.role = role;
    this.room = new RoomStore(channel);
    this.#ticket = options.link ? `${options.link}.${deviceWord()}` : undefined;
    this.#line =
      options.line ??
      new LocalLine({
        ...{ url, channel, role, transport, codec, trust },
        ...{ open, openStream, random, msgpack: loadMsgpack },
      });
    this.#outbox = new Outbox({
      send: (answer) => void this.#line.send(answer),
      random,
      changed: (answers) => options.kept?.write(channel, answers),
    });
    this.#keys = new KeyFetcher({
      room: this.room,
      now: () => this.now(),
      server: url.replace(/^ws/, "http"),
      random,
      ...(options.fetch === undefined ? {} : { fetch: options.fetch }),
    });
  }

  get clock(): RoomReader {
    return this.#line.clock;
  }

  get thread(): string {
    return this.#line.thread;
  }

  get token(): string | undefined {
    return this.#token ?? this.#options.tokens?.read(this.channel);
  }

  /** R now, as well as it is known; undefined before the first welcome. */
  now(): Micros | undefined {
    return this.clock.at(localNow());
  }

  /** Calls `listener` after every change of the clock until `signal` aborts. */
  onClock(
    listener: (change: ClockChange | "reset") => void,
    { signal }: { readonly signal: AbortSignal },
  ): void {
    this.#clockListeners.add(listener);
    signal.addEventListener("abort", () => this.#clockListeners.delete(listener), { once: true });
  }

  /**
   * Connects, and comes back after every loss. Ends when `signal` aborts or the
   * server refuses for good; the store's link then says why. Where a PIN is
   * wanted it waits for one. One run at a time.
   */
  async run({ signal }: { readonly signal: AbortSignal }): Promise<void> {
    if (this.#running) throw new Error("the connection is already running");
    this.#running = true;
    const life = new AbortController();
    const stop = (): void => life.abort();
    signal.addEventListener("abort", stop);
    try {
      this.#restored = [...(this.#options.kept?.read(this.channel) ?? [])];
      if (this.role === "viewer") this.#keys.run(life);
      do await this.#visit(signal);
      while (await this.#pinTyped(signal));
    } finally {
      signal.removeEventListener("abort", stop);
      life.abort();
      this.#running = false;
      this.#outbox.clear();
    }
  }

  #visit(signal: AbortSignal): Promise<void> {
    this.#identify();
    return this.#line.run(
      {
        message: (message) => this.#receive(message),
        link: (link) => this.#link(link),
        clock: (change) => this.#clockChanged(change),
        denied: () => this.#denied(),
        warn: (message, cause) => this.#options.warn?.(message, cause),
      },
      { signal },
    );
  }

  #denied(): void {
    this.#token = undefined;
    this.#options.tokens?.write(this.channel, undefined);
  }

  /** Waits for a PIN, where only that is missing. False if there is nothing to wait for. */
  #pinTyped(signal: AbortSignal): Promise<boolean> {
    const { link } = this.room.getState();
    if (link.is !== "refused" || link.code !== CloseCode.pin || signal.aborted) return Promise.resolve(false);
    return new Promise((resolve) => {
      const done = (): void => {
        signal.removeEventListener("abort", done);
        this.#typed = undefined;
        resolve(!signal.aborted);
      };
      signal.addEventListener("abort", done);
      this.#typed = done;
    });
  }

  /** Comes in with what the viewer typed; nothing happens where no PIN is waited for. */
  enter(pin: string): void {
    this.#pin = pin;
    this.#typed?.();
  }

  #identify(): void {
    this.#line.identify({
      token: this.#options.tokens?.read(this.channel) ?? this.#token,
      grace: this.#grace,
      pin: this.#pin,
      link: this.#ticket,
    });
  }

  #clockChanged(change: ClockChange | "reset"): void {
    this.#keys.look();
    for (const listener of this.#clockListeners) listener(change);
  }

  #receive(message: ServerMessage): void {
    if (message.t === "refused" && !this.#outbox.refused(message)) return;
    if (message.t === "receipt" && message.id !== undefined) this.#outbox.settle(message.id);
    if (message.t === "grace") this.#grace = message.token;
    this.room.dispatch(message);
    if (message.t === "welcome") this.#welcomed(message);
    if (message.t === "welcome" || message.t === "cue") this.#expectOpenings();
  }

  #welcomed(welcome: WelcomeMessage): void {
    if (welcome.token !== undefined) {
      this.#token = welcome.token;
      this.#options.tokens?.write(this.channel, welcome.token);
    }
    this.#pin = undefined;
    this.#ticket = undefined;
    for (const receipt of welcome.receipts) if (receipt.id !== undefined) this.#outbox.settle(receipt.id);
    this.#outbox.resend();
    this.#restore();
    for (const report of this.#reports.splice(0)) this.#line.send(report);
  }

  /** Answers that were on their way when the page was loaded anew, as long as their windows are open. */
  #restore(): void {
    const { cues, receipts } = this.room.getState();
    const now = this.now();
    for (const answer of this.#restored.splice(0)) {
      const cue = cues.get(answer.cue);
      const open = cue !== undefined && now !== undefined && asks(cue, now);
      const counted = receipts.get(answer.cue);
      if (!open || (counted !== undefined && (!cue.changes || counted.id === answer.id))) continue;
      this.room.dispatch({ t: "sending", answer });
      this.#outbox.submit(answer);
    }
    this.#options.kept?.write(this.channel, this.#outbox.answers);
  }

  #expectOpenings(): void {
    const cues = [...this.room.getState().cues.values()];
    this.#line.expect(cues.filter(opens).flatMap((cue) => cue.o_us ?? []));
  }

  /**
   * Answers a cue, and sends the answer until it is settled; the store says how
   * it stands. Where the cue allows it, another choice takes the place of the
   * one before.
   *
   * @param tappedAt - When, on this device's clock.
   */
  answer(cue: Cue, choice: readonly number[], tappedAt: Millis): void {
    if (!this.#wanted(cue, choice)) return;
    const guessed = this.clock.dispersion(localNow()) > USABLE;
    const at = guessed ? undefined : this.clock.at(tappedAt);
    const answer: AnswerMessage = {
      t: "answer",
      id: answerId(),
      cue: cue.id,
      rev: cue.rev,
      choice,
      ...(at === undefined ? {} : { at_us: at, disp_us: this.dispersion() }),
    };
    this.room.dispatch({ t: "sending", answer });
    this.#outbox.submit(answer, at === undefined ? millis(0) : this.#sendsIn(cue, tappedAt));
  }

  /** Whether a choice is to be sent: the first one, or another one where answers may be changed. */
  #wanted(cue: Cue, choice: readonly number[]): boolean {
    const { sending, receipts } = this.room.getState();
    const now = sending.get(cue.id);
    if (cue.changes !== true) return now === undefined;
    const have = now?.choice ?? receipts.get(cue.id)?.choice;
    return String(have) !== String(choice);
  }

  /** How long a stamped answer is held back, so that a crowd does not send at once; not beyond C. */
  #sendsIn(cue: Cue, tappedAt: Millis): Millis {
    const { participant } = this.room.getState();
    if (participant === undefined || cue.spread_ms === undefined) return millis(0);
    const due = tappedAt + sendDelay(cue.id, participant, cue.spread_ms);
    const closes = closesAt(cue);
    const last = closes === undefined ? undefined : this.clock.localAt(closes);
    return millis(Math.max(0, Math.min(due, last ?? due) - localNow()));
  }

  /**
   * The page may stop running any moment, or is about to go: what waits is sent
   * at once, and what nothing was heard of goes by a request that outlives the
   * page.
   */
  leave(how: "hidden" | "closed"): void {
    this.#outbox.flush();
    if (how === "closed") for (const answer of this.#outbox.answers) this.#post(answer);
  }

  #post({ t: _, disp_us: __, cue, ...answer }: AnswerMessage): void {
    const { token } = this;
    if (token === undefined) return;
    const post = this.#options.post ?? ((url, init) => fetch(url, init));
    const path = `/api/v1/cues/${encodeURIComponent(cue)}/answers`;
    const sent = post(new URL(path, this.#options.url.replace(/^ws/, "http")).href, {
      method: "POST",
      body: JSON.stringify(answer),
      headers: { "Content-Type": "application/json", Authorization: `Bearer ${token}` },
      keepalive: true,
    });
    // Nobody is left to hear of it: the answer is kept, and sent again if the page comes back.
    sent.catch(() => undefined);
  }

  /**
   * Tells the server of an opening, a closing or of this viewer's state. The first two wait for the next
   * socket if there is none. False if it cannot be told, nor kept.
   */
  report(message: OpenedMessage | ClosedMessage | StatusMessage): boolean {
    if (this.room.getState().link.is === "open" && this.#line.send(message)) return true;
    if (message.t === "status" || this.#reports.length >= MAX_REPORTS) return false;
    this.#reports.push(message);
    return true;
  }

  /** Bound of the clock's error for the wire: whole µs, a minute if unknown. */
  dispersion(): Micros {
    return wireDispersion(this.clock.dispersion(localNow()));
  }

  /** The page woke up or the network came back: connect at once, or see whether the connection still lives. */
  wake(why: Wake = "page"): void {
    this.#line.wake(why);
  }

  /** The socket is the authority: only without one counts what the playlist says. */
  carried({ cue }: CarriedCue): void {
    if (this.room.getState().link.is === "open") return;
    this.room.dispatch({ t: "carried", cue });
    this.#expectOpenings();
  }

  /** The clock does not go by the picture. */
  shown(): void {}

  #link(link: Link): void {
    this.room.dispatch({ t: "link", link });
  }
}

/** A bound of a clock's error as the wire wants it: whole µs, a minute if unknown. */
export const wireDispersion = (dispersion: Micros): Micros =>
  Math.round(Math.min(60_000_000, dispersion)) as Micros;

/** Random, and fits the wire. */
const answerId = (): string => {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");
};

/** Whether answers are still taken, though perhaps not in this moment. */
const asks = (cue: Cue, now: Micros): boolean => ["open", "paused"].includes(phaseOf(cue, now));

/** By which the server knows this page again if the welcome to its link is lost. */
const deviceWord = (): string => answerId().slice(0, 24);

const opens = ({ state }: Cue): boolean =>
  state === "scheduled" || state === "armed" || state === "keyed" || state === "open" || state === "paused";
