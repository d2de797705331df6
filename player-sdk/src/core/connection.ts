/**
 * A viewer's or producer's connection to a room: it keeps the store, delivers
 * answers and reports, and fetches keys when the socket does not bring them.
 *
 * @module
 */
import type { ClockChange, RoomReader } from "./clock.ts";
import { localNow } from "./clock-sync.ts";
import type { CarriedCue } from "./in-band.ts";
import { KeyFetcher, type KeyFetcherOptions } from "./key-fetcher.ts";
import { type Line, LocalLine, type Socket } from "./line.ts";
import { Outbox } from "./outbox.ts";
import { type Link, RoomStore } from "./room.ts";
import type { Micros, Millis } from "./units.ts";
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

/** How to reach a room. */
export interface ConnectionOptions {
  /** Of the socket: wss://HOST/ws/v1. */
  readonly url: string;
  readonly channel: string;
  /** Default viewer. */
  readonly role?: Role;
  /** Default: nowhere; every connection is a new viewer. */
  readonly tokens?: TokenPort;
  /** The way to the server. Default: a socket in this thread. */
  readonly line?: Line;
  /** Makes a socket. Default `new WebSocket`. */
  readonly open?: (url: string, subprotocol: string) => Socket;
  /** Asks HTTP for a key. Default `fetch`. */
  readonly fetch?: KeyFetcherOptions["fetch"];
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
  run(options: { readonly signal: AbortSignal }): Promise<void>;
  now(): Micros | undefined;
  onClock(listener: (change: ClockChange | "reset") => void, options: { readonly signal: AbortSignal }): void;
  answer(cue: Cue, choice: readonly number[], tappedAt: Millis): void;
  report(message: OpenedMessage | ClosedMessage | StatusMessage): boolean;
  dispersion(): Micros;
  wake(): void;
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
  #running = false;

  constructor(options: ConnectionOptions) {
    const { url, channel, role = "viewer", open, random = Math.random } = options;
    this.#options = options;
    this.channel = channel;
    this.role = role;
    this.room = new RoomStore(channel);
    this.#line = options.line ?? new LocalLine({ url, channel, role, open, random });
    this.#outbox = new Outbox({ send: (answer) => void this.#line.send(answer), random });
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
   * server refuses for good; the store's link then says why. One run at a time.
   */
  async run({ signal }: { readonly signal: AbortSignal }): Promise<void> {
    if (this.#running) throw new Error("the connection is already running");
    this.#running = true;
    try {
      this.#identify();
      if (this.role === "viewer") this.#keys.run({ signal });
      await this.#line.run(
        {
          message: (message) => this.#receive(message),
          link: (link) => this.#link(link),
          clock: (change) => this.#clockChanged(change),
          denied: () => this.#options.tokens?.write(this.channel, undefined),
          warn: (message, cause) => this.#options.warn?.(message, cause),
        },
        { signal },
      );
    } finally {
      this.#running = false;
      this.#outbox.clear();
    }
  }

  #identify(): void {
    this.#line.identify({ token: this.#options.tokens?.read(this.channel), grace: this.#grace });
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
    if (welcome.token !== undefined) this.#options.tokens?.write(this.channel, welcome.token);
    for (const receipt of welcome.receipts) if (receipt.id !== undefined) this.#outbox.settle(receipt.id);
    this.#outbox.resend();
    for (const report of this.#reports.splice(0)) this.#line.send(report);
  }

  #expectOpenings(): void {
    const cues = [...this.room.getState().cues.values()];
    this.#line.expect(cues.filter(opens).flatMap((cue) => cue.o_us ?? []));
  }

  /**
   * Answers a cue, and sends the answer until it is settled; the store says how
   * it stands.
   *
   * @param tappedAt - When, on this device's clock.
   */
  answer(cue: Cue, choice: readonly number[], tappedAt: Millis): void {
    if (this.room.getState().sending.has(cue.id)) return;
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
    this.#outbox.submit(answer);
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

  /** The page woke up or the network came back: measure the clock, or connect at once. */
  wake(): void {
    this.#line.wake();
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

const opens = ({ state }: Cue): boolean =>
  state === "scheduled" || state === "armed" || state === "keyed" || state === "open" || state === "paused";
