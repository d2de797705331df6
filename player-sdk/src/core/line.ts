/**
 * One end of the WebSocket: says hello, keeps the clock, and comes back after
 * losses. Runs in any thread.
 *
 * @module
 */
import { backoff } from "./backoff.ts";
import type { ClockChange, ClockSample, RoomReader } from "./clock.ts";
import { ClockSync, localNow } from "./clock-sync.ts";
import { CloseCode, closeReason, reconnects } from "./close.ts";
import { decodeServer, encodeClient } from "./codec.ts";
import type { Link } from "./room.ts";
import { type Micros, type Millis, millis } from "./units.ts";
import {
  type ByeMessage,
  type ClientMessage,
  type Role,
  type ServerMessage,
  SUBPROTOCOL,
  VERSION,
  type WelcomeMessage,
} from "./wire.ts";

const WELCOME_TIMEOUT = 10_000;
const SILENCE = 60_000; // ms without any frame, though pings ask for one every 24 s at most
const STABLE = 10_000; // ms that a connection must last for the backoff to start over

/** What a line needs of a WebSocket. */
export type Socket = Pick<
  WebSocket,
  "binaryType" | "readyState" | "send" | "close" | "onopen" | "onmessage" | "onclose" | "onerror"
>;

const OPEN = 1; // WebSocket.OPEN

/** What hello says of who comes. */
export interface Identity {
  /** From an earlier welcome, or a producer's. */
  readonly token?: string | undefined;
  /** What the server has measured of an earlier line. */
  readonly grace?: string | undefined;
}

/** Where a line leads. */
export interface LineTarget {
  /** Of the socket: wss://HOST/ws/v1. */
  readonly url: string;
  readonly channel: string;
  readonly role: Role;
}

/** Whom a line tells. */
export interface LineListener {
  readonly message: (message: ServerMessage) => void;
  readonly link: (link: Link) => void;
  /** After every pong, and when the samples are dropped. */
  readonly clock: (change: ClockChange | "reset") => void;
  /** The server no longer knows the token: it is forgotten. */
  readonly denied: () => void;
  /** Something went wrong that ends nothing. */
  readonly warn: (message: string, cause: unknown) => void;
}

/** A connection to a room, in this thread or another. */
export interface Line {
  readonly clock: RoomReader;
  /** Where socket and clock are, in words for the details. */
  readonly thread: string;
  /** Runs until `signal` aborts or the server refuses for good; the last link then says why. Once at a time. */
  run(listener: LineListener, options: { readonly signal: AbortSignal }): Promise<void>;
  /** What the next hello says. */
  identify(identity: Identity): void;
  /** False if it cannot be sent now. */
  send(message: ClientMessage): boolean;
  /** Instants O of the cues ahead. */
  expect(openings: readonly Micros[]): void;
  /** The page woke up or the network came back: measure the clock, or connect at once. */
  wake(): void;
}

/** How a local line is made. */
export interface LocalLineOptions extends LineTarget {
  /** Makes a socket. Default `new WebSocket`. */
  readonly open?: ((url: string, subprotocol: string) => Socket) | undefined;
  /** In [0, 1). Default Math.random. */
  readonly random?: (() => number) | undefined;
  /** Sees every clock sample. */
  readonly sampled?: (sample: ClockSample, epoch: number) => void;
  /** Default: it is the page's. */
  readonly thread?: string;
}

/** The line whose socket is in this thread. Create it, then {@link LocalLine.run} it. */
export class LocalLine implements Line {
  readonly thread: string;
  readonly #options: LocalLineOptions;
  readonly #random: () => number;
  readonly #sync: ClockSync;
  #identity: Identity = {};
  #listener: LineListener | undefined;
  #socket: Socket | undefined;
  #welcomed = false;
  #skipWait: (() => void) | undefined;
  #heard = millis(0);

  constructor(options: LocalLineOptions) {
    this.#options = options;
    this.thread = options.thread ?? "page";
    this.#random = options.random ?? Math.random;
    this.#sync = new ClockSync({
      send: (frame) => this.#sendRaw(frame),
      random: this.#random,
      changed: (change) => this.#listener?.clock(change),
      ...(options.sampled === undefined ? {} : { sampled: options.sampled }),
    });
  }

  get clock(): RoomReader {
    return this.#sync.clock;
  }

  identify(identity: Identity): void {
    this.#identity = identity;
  }

  async run(listener: LineListener, { signal }: { readonly signal: AbortSignal }): Promise<void> {
    if (this.#listener !== undefined) throw new Error("the line is already running");
    this.#listener = listener;
    try {
      await this.#reconnect(signal);
    } finally {
      if (signal.aborted) this.#link({ is: "idle" });
      this.#listener = undefined;
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
    if (this.#options.role !== "viewer" || this.#identity.token === undefined) return false;
    this.#identity = {};
    this.#listener?.denied();
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
    const { channel, role } = this.#options;
    const { token, grace } = this.#identity;
    this.send({
      t: "hello",
      v: VERSION,
      channel,
      role,
      ...(token === undefined ? {} : { token }),
      ...(grace === undefined ? {} : { grace }),
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
      this.#listener?.warn("message not understood", cause);
      return undefined;
    }
  }

  #receive(message: ServerMessage): ByeMessage | undefined {
    if (message.t === "welcome") this.#onWelcome(message);
    if (message.t === "grace") this.#identity = { ...this.#identity, grace: message.token };
    this.#listener?.message(message);
    if (message.t === "welcome") this.#link({ is: "open" });
    return message.t === "bye" ? message : undefined;
  }

  #onWelcome({ now_us, token }: WelcomeMessage): void {
    this.#welcomed = true;
    this.#sync.clock.guess(now_us, localNow());
    if (token !== undefined) this.#identity = { ...this.#identity, token };
  }

  expect(openings: readonly Micros[]): void {
    this.#sync.expect(openings);
  }

  wake(): void {
    this.#skipWait?.();
    this.#sync.refresh();
  }

  send(message: ClientMessage): boolean {
    return this.#sendRaw(encodeClient(message));
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

  #sendRaw(frame: string | ArrayBuffer): boolean {
    if (this.#socket?.readyState !== OPEN) return false;
    this.#socket.send(frame);
    return true;
  }

  #link(link: Link): void {
    this.#listener?.link(link);
  }
}

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
