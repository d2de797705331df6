/**
 * A viewer's or producer's connection to a room: it says hello, keeps the clock
 * and the store, comes back after losses, and delivers answers.
 *
 * @module
 */
import { backoff } from "./backoff.ts";
import type { ClockChange, RoomClock } from "./clock.ts";
import { ClockSync, localNow } from "./clock-sync.ts";
import { CloseCode, closeReason, reconnects } from "./close.ts";
import { decodeServer, encodeClient } from "./codec.ts";
import { Outbox } from "./outbox.ts";
import { type Link, RoomStore } from "./room.ts";
import { type Micros, type Millis, millis } from "./units.ts";
import {
  type AnswerMessage,
  type ByeMessage,
  type ClientMessage,
  type Cue,
  type OpenedMessage,
  type Role,
  type ServerMessage,
  type StatusMessage,
  SUBPROTOCOL,
  VERSION,
  type WelcomeMessage,
} from "./wire.ts";

const WELCOME_TIMEOUT = 10_000;
const SILENCE = 60_000; // ms without any frame, though pings ask for one every 24 s at most
const USABLE = 250_000; // µs: a clock worse than this stamps no answer
const STABLE = 10_000; // ms that a connection must last for the backoff to start over

/** What a connection needs of a WebSocket. */
export type Socket = Pick<
  WebSocket,
  "binaryType" | "readyState" | "send" | "close" | "onopen" | "onmessage" | "onclose" | "onerror"
>;

const OPEN = 1; // WebSocket.OPEN

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
  /** Makes a socket. Default `new WebSocket`. */
  readonly open?: (url: string, subprotocol: string) => Socket;
  /** In [0, 1). Default Math.random. */
  readonly random?: () => number;
  /** Is told of what goes wrong without ending anything. Default: nobody. */
  readonly warn?: (message: string, cause: unknown) => void;
}

/** One end of a WebSocket of this protocol. Create it, then {@link Connection.run} it. */
export class Connection {
  readonly channel: string;
  readonly role: Role;
  /** What is known of the room. */
  readonly room = new RoomStore();
  readonly #options: ConnectionOptions;
  readonly #random: () => number;
  readonly #sync: ClockSync;
  readonly #outbox: Outbox;
  readonly #clockListeners = new Set<(change: ClockChange | "reset") => void>();
  #socket: Socket | undefined;
  #running = false;
  #welcomed = false;
  #skipWait: (() => void) | undefined;
  #heard = millis(0);

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.channel = options.channel;
    this.role = options.role ?? "viewer";
    this.#random = options.random ?? Math.random;
    this.#outbox = new Outbox({ send: (answer) => void this.#send(answer), random: this.#random });
    this.#sync = new ClockSync({
      send: (frame) => this.#sendRaw(frame),
      random: this.#random,
      changed: (change) => {
        for (const listener of this.#clockListeners) listener(change);
      },
    });
  }

  /** The room clock as this device reads it. */
  get clock(): RoomClock {
    return this.#sync.clock;
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
      await this.#reconnect(signal);
    } finally {
      this.#running = false;
      this.#outbox.clear();
      if (signal.aborted) this.#link({ is: "idle" });
    }
  }

  async #reconnect(signal: AbortSignal): Promise<void> {
    let attempt = 0;
    let forgave = false;
    while (!signal.aborted) {
      const startedAt = localNow();
      const end = await this.#session(attempt, signal);
      if (signal.aborted) return;
      if (end.code === CloseCode.denied && !forgave && this.#forgetToken()) {
        forgave = true;
        continue;
      }
      if (!end.reconnect) {
        this.#link({ is: "refused", code: end.code, reason: end.reason });
        return;
      }
      if (this.#welcomed && localNow() - startedAt > STABLE) attempt = 0;
      await this.#wait(backoff(attempt, this.#random(), end.after), end.reason, signal);
      attempt++;
    }
  }

  /** A viewer whose identity the server no longer knows comes back as a new one. */
  #forgetToken(): boolean {
    const { tokens } = this.#options;
    if (this.role !== "viewer" || tokens?.read(this.channel) === undefined) return false;
    tokens.write(this.channel, undefined);
    return true;
  }

  #session(attempt: number, signal: AbortSignal): Promise<End> {
    this.#link({ is: "connecting", attempt });
    this.#welcomed = false;
    return new Promise((resolve) => {
      const session = new AbortController();
      let bye: ByeMessage | undefined;
      const finish = (end: End): void => {
        if (session.signal.aborted) return;
        session.abort();
        this.#drop(socket);
        resolve(end);
      };
      const lost = (code: number): void => finish(endOf(code, bye));
      const socket = this.#dial(lost);
      socket.onopen = () => this.#hello(session.signal);
      socket.onclose = (event) => lost(event.code);
      socket.onmessage = ({ data }: MessageEvent<unknown>) => {
        bye = this.#take(data) ?? bye;
      };
      this.#supervise(session.signal, lost);
      signal.addEventListener("abort", () => lost(CLOSE_GOING_AWAY), { once: true, signal: session.signal });
    });
  }

  #dial(failed: (code: number) => void): Socket {
    const open = this.#options.open ?? ((url, protocol) => new WebSocket(url, protocol));
    const socket = open(this.#options.url, SUBPROTOCOL);
    socket.binaryType = "arraybuffer";
    socket.onerror = () => failed(CLOSE_ABNORMAL);
    this.#socket = socket;
    return socket;
  }

  #drop(socket: Socket): void {
    this.#socket = undefined;
    socket.onopen = socket.onmessage = socket.onclose = socket.onerror = null;
    socket.close();
  }

  /** A socket that brings no welcome, or nothing any more, is closed from this side. */
  #supervise(signal: AbortSignal, lost: (code: number) => void): void {
    const startedAt = localNow();
    this.#heard = startedAt;
    const timer = setInterval(() => {
      const now = localNow();
      const silent = this.#welcomed ? now - this.#heard > SILENCE : now - startedAt > WELCOME_TIMEOUT;
      if (silent) lost(CloseCode.idle);
    }, 1000);
    signal.addEventListener("abort", () => clearInterval(timer));
  }

  #hello(signal: AbortSignal): void {
    const token = this.#options.tokens?.read(this.channel);
    this.#send({
      t: "hello",
      v: VERSION,
      channel: this.channel,
      role: this.role,
      ...(token === undefined ? {} : { token }),
    });
    this.#sync.start(signal);
  }

  /** Returns a bye, which says how the close that follows is to be read. */
  #take(data: unknown): ByeMessage | undefined {
    this.#heard = localNow();
    try {
      if (data instanceof ArrayBuffer) {
        this.#sync.receive(data);
        return undefined;
      }
      return this.#receive(decodeServer(String(data)));
    } catch (cause) {
      // A server newer than this page may say more than it understands; the rest still holds.
      this.#options.warn?.("message not understood", cause);
      return undefined;
    }
  }

  #receive(message: ServerMessage): ByeMessage | undefined {
    if (message.t === "refused" && !this.#outbox.refused(message)) return undefined;
    if (message.t === "receipt" && message.id !== undefined) this.#outbox.settle(message.id);
    this.room.dispatch(message);
    if (message.t === "welcome") this.#onWelcome(message);
    if (message.t === "welcome" || message.t === "cue") this.#expectOpenings();
    return message.t === "bye" ? message : undefined;
  }

  #onWelcome(welcome: WelcomeMessage): void {
    this.#welcomed = true;
    this.clock.guess(welcome.now_us, localNow());
    if (welcome.token !== undefined) this.#options.tokens?.write(this.channel, welcome.token);
    for (const receipt of welcome.receipts) if (receipt.id !== undefined) this.#outbox.settle(receipt.id);
    this.#outbox.resend();
    this.#link({ is: "open" });
  }

  #expectOpenings(): void {
    const cues = [...this.room.getState().cues.values()];
    this.#sync.expect(cues.filter(opens).flatMap((cue) => cue.o_us ?? []));
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
      id: crypto.randomUUID().replaceAll("-", ""),
      cue: cue.id,
      rev: cue.rev,
      choice,
      ...(at === undefined ? {} : { at_us: at, disp_us: this.dispersion() }),
    };
    this.room.dispatch({ t: "sending", answer });
    this.#outbox.submit(answer);
  }

  /** Tells the server of an opening or of this viewer's state. False if it cannot be told now. */
  report(message: OpenedMessage | StatusMessage): boolean {
    return this.#welcomed && this.#send(message);
  }

  /** Bound of the clock's error for the wire: whole µs, a minute if unknown. */
  dispersion(): Micros {
    return Math.round(Math.min(60_000_000, this.clock.dispersion(localNow()))) as Micros;
  }

  /** The page woke up or the network came back: measure the clock, or connect at once. */
  wake(): void {
    this.#skipWait?.();
    this.#sync.refresh();
  }

  #wait(delay: Millis, reason: string, signal: AbortSignal): Promise<void> {
    this.#link({ is: "waiting", reason, retryAt: localNow() + delay });
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        signal.removeEventListener("abort", done);
        this.#skipWait = undefined;
        resolve();
      };
      const timer = setTimeout(done, delay);
      signal.addEventListener("abort", done);
      this.#skipWait = done;
    });
  }

  #send(message: ClientMessage): boolean {
    return this.#sendRaw(encodeClient(message));
  }

  #sendRaw(frame: string | ArrayBuffer): boolean {
    if (this.#socket?.readyState !== OPEN) return false;
    this.#socket.send(frame);
    return true;
  }

  #link(link: Link): void {
    this.room.dispatch({ t: "link", link });
  }
}

const opens = ({ state }: Cue): boolean =>
  state === "scheduled" || state === "armed" || state === "keyed" || state === "open";

const CLOSE_GOING_AWAY = 1001;
const CLOSE_ABNORMAL = 1006;

interface End {
  readonly code: number;
  readonly reason: string;
  readonly reconnect: boolean;
  readonly after: Millis;
}

function endOf(code: number, bye: ByeMessage | undefined): End {
  if (bye === undefined) {
    return { code, reason: closeReason(code), reconnect: reconnects(code), after: millis(0) };
  }
  const { reason, reconnect, after_ms } = bye;
  return { code: bye.code, reason: reason || closeReason(bye.code), reconnect, after: after_ms ?? millis(0) };
}
