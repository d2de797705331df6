/**
 * The end of a line whose socket is in this thread: says hello, keeps the
 * clock, and comes back after losses.
 *
 * @module
 */
import { CLOSE_ABNORMAL, CLOSE_GOING_AWAY, type End, type EndedBy, endOf } from "./attempt-end.ts";
import { backoff } from "./backoff.ts";
import type { ClockChange, ClockSample, RoomReader } from "./clock.ts";
import { ClockSync, localNow } from "./clock-sync.ts";
import { CloseCode } from "./close.ts";
import { Detour } from "./detour.ts";
import { jsonCodec, type MessageCodec, type Received } from "./encoding.ts";
import type { Identity, Line, LineListener, LineTarget, Socket, Wake } from "./line.ts";
import { LogPosition } from "./log-position.ts";
import type { Link } from "./room.ts";
import { StreamSocket } from "./stream-socket.ts";
import { type Transport, TransportChoice } from "./transport.ts";
import { type Micros, type Millis, millis } from "./units.ts";
import { type ByeMessage, type ClientMessage, VERSION, type WelcomeMessage } from "./wire.ts";

const WELCOME_TIMEOUT = 10_000;
const SILENCE = 60_000; // ms without any frame, though pings ask for one every 24 s at most
const STABLE = 10_000; // ms that a connection must last for the backoff to start over
const PROBE = 2000; // ms that a connection has to answer a ping after the network changed
const PROBE_CAP = 4000; // on a line that is slow anyway
const FRESH = 1000; // ms that an attempt is given before another network makes it anew
const CALM = 30_000_000; // µs before O from which on no connection is given up for a better one

const OPEN = 1; // WebSocket.OPEN
const CLOCK_FRAME = 2; // the highest first byte of a binary frame that is the clock's

/** How a local line is made. */
export interface LocalLineOptions extends LineTarget {
  /** Makes a socket. Default `new WebSocket`. */
  readonly open?: ((url: string, subprotocols: readonly string[]) => Socket) | undefined;
  /** Makes a stream where sockets do not work. Default {@link StreamSocket}. */
  readonly openStream?: ((url: string) => Socket) | undefined;
  /** Loads the codec, if it is asked for. Default: there is none. */
  readonly msgpack?: (() => Promise<MessageCodec>) | undefined;
  /** In [0, 1). Default Math.random. */
  readonly random?: (() => number) | undefined;
  /** Whether the device has a network, as far as it knows. Default `navigator.onLine`. */
  readonly online?: (() => boolean) | undefined;
  /** Sees every clock sample. */
  readonly sampled?: (sample: ClockSample, epoch: number) => void;
  /** Default: it is the page's. */
  readonly thread?: string;
}

/** One connection, from dialling to its end. */
interface Attempt {
  readonly transport: Transport;
  readonly startedAt: Millis;
  readonly lost: (code: number, by?: EndedBy) => void;
  readonly signal: AbortSignal;
  codec: MessageCodec;
  welcomed: boolean;
}

/** See the module. Create it, then {@link LocalLine.run} it. */
export class LocalLine implements Line {
  readonly thread: string;
  readonly #options: LocalLineOptions;
  readonly #random: () => number;
  readonly #sync: ClockSync;
  readonly #position = new LogPosition();
  readonly #choice: TransportChoice;
  readonly #detour: Detour;
  #codecs: readonly MessageCodec[] = [jsonCodec];
  #identity: Identity = {};
  #listener: LineListener | undefined;
  #socket: Socket | undefined;
  #attempt: Attempt | undefined;
  #skipWait: (() => void) | undefined;
  #heard = millis(0);
  #openings: readonly Micros[] = [];

  constructor(options: LocalLineOptions) {
    this.#options = options;
    this.thread = options.thread ?? "page";
    this.#random = options.random ?? Math.random;
    this.#choice = new TransportChoice(options.transport);
    this.#detour = new Detour(options.url, options.trust);
    this.#sync = new ClockSync({
      send: (frame) => this.#sendRaw(frame),
      random: this.#random,
      changed: (change) => this.#clockChanged(change),
      ...(options.sampled === undefined ? {} : { sampled: options.sampled }),
    });
  }

  get clock(): RoomReader {
    return this.#sync.clock;
  }

  #clockChanged(change: ClockChange | "reset"): void {
    this.#listener?.clock(change);
    if (change === "reset") this.wake("page"); // the device slept, perhaps
  }

  identify(identity: Identity): void {
    this.#identity = identity;
  }

  async run(listener: LineListener, { signal }: { readonly signal: AbortSignal }): Promise<void> {
    if (this.#listener !== undefined) throw new Error("the line is already running");
    this.#listener = listener;
    try {
      if (this.#options.codec === "msgpack") await this.#loadMsgpack();
      await this.#reconnect(signal);
    } finally {
      if (signal.aborted) this.#link({ is: "idle" });
      this.#listener = undefined;
    }
  }

  async #loadMsgpack(): Promise<void> {
    const { msgpack } = this.#options;
    if (msgpack === undefined || this.#codecs.length > 1) return;
    try {
      this.#codecs = [await msgpack(), jsonCodec];
    } catch (cause) {
      this.#listener?.warn("MessagePack cannot be loaded, JSON is used", cause);
    }
  }

  async #reconnect(signal: AbortSignal): Promise<void> {
    let attempt = 0;
    let forgave = false;
    while (!signal.aborted) {
      const startedAt = localNow();
      const { end, welcomed } = await this.#session(attempt, signal);
      if (signal.aborted) return;
      this.#detour.ended({ welcomed, to: end.to });
      if (end.code === CloseCode.denied && !forgave && this.#forgetToken()) {
        forgave = true;
        continue;
      }
      if (!end.reconnect) {
        this.#link({ is: "refused", code: end.code, reason: end.reason });
        return;
      }
      if (welcomed && localNow() - startedAt > STABLE) attempt = 0;
      if (end.hurried) continue;
      await this.#wait(end, backoff(attempt, this.#random(), end.after), signal);
      attempt++;
    }
  }

  /** A viewer whose identity the server no longer knows comes back as a new one. */
  #forgetToken(): boolean {
    const { token, grace: _, ...rest } = this.#identity;
    if (this.#options.role !== "viewer" || token === undefined) return false;
    this.#identity = rest;
    this.#listener?.denied();
    return true;
  }

  #session(count: number, signal: AbortSignal): Promise<{ end: End; welcomed: boolean }> {
    this.#link({ is: "connecting", attempt: count });
    const transport = this.#choice.next(localNow());
    return new Promise((resolve) => {
      const session = new AbortController();
      let bye: ByeMessage | undefined;
      const lost = (code: number, by: EndedBy = "them"): void => {
        if (session.signal.aborted) return;
        session.abort();
        this.#attempt = undefined;
        if (this.#socket !== undefined) this.#drop(this.#socket);
        const end = endOf(code, bye, by);
        this.#ended(attempt, end);
        resolve({ end, welcomed: attempt.welcomed });
      };
      const startedAt = localNow();
      const attempt: Attempt = {
        ...{ transport, startedAt, lost, signal: session.signal },
        codec: jsonCodec,
        welcomed: false,
      };
      this.#attempt = attempt;
      signal.addEventListener("abort", () => lost(CLOSE_GOING_AWAY), { once: true, signal: session.signal });
      this.#dial(attempt, (message) => {
        bye = message;
      });
    });
  }

  #ended({ transport, startedAt, welcomed }: Attempt, { orderly, hurried }: End): void {
    if (hurried) return; // it was given up for another network, or another way
    const now = localNow();
    const online = this.#options.online?.() ?? globalThis.navigator?.onLine !== false;
    this.#choice.ended({ transport, welcomed, lasted: millis(now - startedAt), orderly, online }, now);
  }

  #dial(attempt: Attempt, said: (bye: ByeMessage) => void): void {
    this.#supervise(attempt);
    let socket: Socket;
    try {
      socket = this.#open(attempt.transport);
    } catch (cause) {
      this.#listener?.warn("the browser makes no connection", cause);
      attempt.lost(CLOSE_ABNORMAL);
      return;
    }
    this.#socket = socket;
    socket.binaryType = "arraybuffer";
    socket.onerror = () => attempt.lost(CLOSE_ABNORMAL);
    socket.onclose = (event) => attempt.lost(event.code);
    socket.onopen = () => {
      attempt.codec = this.#codecs.find((c) => c.subprotocol === socket.protocol) ?? jsonCodec;
      this.#hello(attempt);
    };
    socket.onmessage = ({ data }: MessageEvent<unknown>) => {
      const bye = this.#take(attempt, data);
      if (bye !== undefined) said(bye);
    };
  }

  #open(transport: Transport): Socket {
    const { channel, open, openStream } = this.#options;
    const { url } = this.#detour;
    if (transport === "stream") return openStream?.(url) ?? new StreamSocket(url);
    const subprotocols = this.#codecs.map((c) => c.subprotocol);
    const address = new URL(url); // with the channel, a busy server refuses those of its tenant alone
    address.searchParams.set("channel", channel);
    return open?.(address.href, subprotocols) ?? new WebSocket(address, subprotocols);
  }

  #drop(socket: Socket): void {
    this.#socket = undefined;
    socket.onopen = socket.onmessage = socket.onclose = socket.onerror = null;
    socket.close();
  }

  /** A connection that brings no welcome, or nothing any more, is closed from this side. */
  #supervise({ startedAt, signal, lost }: Attempt): void {
    this.#heard = startedAt;
    const timer = setInterval(() => {
      const now = localNow();
      const welcomed = this.#attempt?.welcomed === true;
      const silent = welcomed ? now - this.#heard > SILENCE : now - startedAt > WELCOME_TIMEOUT;
      if (silent) lost(CloseCode.idle, "us");
      else if (welcomed && this.#choice.due(now) && this.#calm(now)) lost(CLOSE_GOING_AWAY, "hurry");
    }, 1000);
    signal.addEventListener("abort", () => clearInterval(timer));
  }

  /** No window is open, and none opens soon. */
  #calm(now: Millis): boolean {
    const room = this.clock.at(now);
    return room !== undefined && this.#openings.every((o) => o - room > CALM);
  }

  #hello({ codec, signal }: Attempt): void {
    const { channel, role } = this.#options;
    const { token, grace, pin, link } = this.#identity;
    const { resume } = this.#position;
    const hello: ClientMessage = {
      t: "hello",
      v: VERSION,
      channel,
      role,
      ...(token === undefined ? {} : { token }),
      ...(grace === undefined ? {} : { grace }),
      ...(resume === undefined ? {} : { resume }),
      ...(pin === undefined ? {} : { pin }),
      ...(link === undefined ? {} : { link }),
    };
    this.#sendRaw(codec.encode(hello));
    this.#sync.start(signal);
  }

  /** Returns a bye, which says how the close that follows is to be read. */
  #take(attempt: Attempt, data: unknown): ByeMessage | undefined {
    this.#heard = localNow();
    try {
      if (data instanceof ArrayBuffer && isClock(data)) {
        this.#sync.receive(data);
        return undefined;
      }
      const frame = data instanceof ArrayBuffer ? data : String(data);
      return this.#receive(attempt, attempt.codec.decode(frame));
    } catch (cause) {
      // A server newer than this page may say more than it understands; the rest still holds.
      this.#listener?.warn("message not understood", cause);
      return undefined;
    }
  }

  #receive(attempt: Attempt, { message, offset }: Received): ByeMessage | undefined {
    if (!this.#position.take(offset)) return undefined;
    if (message.t === "welcome") this.#onWelcome(attempt, message);
    if (message.t === "grace") this.#identity = { ...this.#identity, grace: message.token };
    this.#listener?.message(message);
    const { transport, codec } = attempt;
    if (message.t === "welcome") this.#link({ is: "open", via: { transport, codec: codec.name } });
    return message.t === "bye" ? message : undefined;
  }

  #onWelcome(attempt: Attempt, welcome: WelcomeMessage): void {
    attempt.welcomed = true;
    this.#position.welcome(welcome);
    this.#sync.clock.guess(welcome.now_us, localNow());
    const { token, grace } = this.#identity;
    this.#identity = { token: welcome.token ?? token, grace };
  }

  expect(openings: readonly Micros[]): void {
    this.#openings = openings;
    this.#sync.expect(openings);
  }

  wake(why: Wake): void {
    const now = localNow();
    if (why === "network") this.#choice.networkChanged(now);
    this.#skipWait?.();
    const attempt = this.#attempt;
    if (attempt?.welcomed === true) this.#probe(attempt);
    else if (why === "network" && attempt !== undefined) this.#hasten(attempt, now);
    this.#sync.refresh();
  }

  /**
   * A connection that does not answer by now lies in a network that is gone,
   * and would not say so for minutes. What comes at once may have been on its
   * way before: only what is heard in the second half of the wait counts.
   */
  #probe({ signal, lost }: Attempt): void {
    const slow = (3 * (this.clock.rtt?.p95 ?? 0)) / 1000;
    const patience = Math.min(PROBE_CAP, Math.max(PROBE, slow));
    this.#sync.probe();
    let timer = setTimeout(() => {
      const since = localNow();
      this.#sync.probe();
      timer = setTimeout(() => {
        if (this.#heard <= since) lost(CloseCode.idle, "hurry");
      }, patience / 2);
    }, patience / 2);
    signal.addEventListener("abort", () => clearTimeout(timer), { once: true });
  }

  /** An attempt of the network before hangs for long: it begins anew, at once or if it does not get on. */
  #hasten(attempt: Attempt, now: Millis): void {
    const { signal, lost, startedAt } = attempt;
    const again = (): void => {
      if (!attempt.welcomed) lost(CLOSE_ABNORMAL, "hurry");
    };
    if (now - startedAt > FRESH) {
      again();
      return;
    }
    const timer = setTimeout(again, PROBE);
    signal.addEventListener("abort", () => clearTimeout(timer), { once: true });
  }

  send(message: ClientMessage): boolean {
    const codec = this.#attempt?.codec;
    return codec !== undefined && this.#sendRaw(codec.encode(message));
  }

  /** Waits for `delay`; who wakes meanwhile waits no longer than the server asked for. */
  #wait({ reason, after }: End, delay: Millis, signal: AbortSignal): Promise<void> {
    const from = localNow();
    this.#link({ is: "waiting", reason, retryAt: from + delay });
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        signal.removeEventListener("abort", done);
        this.#skipWait = undefined;
        resolve();
      };
      let timer = setTimeout(done, delay);
      signal.addEventListener("abort", done);
      this.#skipWait = () => {
        clearTimeout(timer);
        timer = setTimeout(done, Math.max(0, from + after - localNow()));
      };
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

/** A message in a binary frame is a map, whose first byte is higher. */
const isClock = (frame: ArrayBuffer): boolean =>
  frame.byteLength === 0 || (new Uint8Array(frame, 0, 1)[0] ?? 0) <= CLOCK_FRAME;
