/**
 * A stream over HTTP that behaves as a WebSocket does: server-sent events down,
 * posts up, the same messages.
 *
 * @module
 */
import { CloseCode, closeReason } from "./close.ts";
import { EventReader, type StreamEvent } from "./event-stream.ts";
import type { Socket } from "./line.ts";
import { object, text } from "./shape.ts";
import { type Millis, millis } from "./units.ts";
import { type ByeMessage, SUBPROTOCOL } from "./wire.ts";

const MAX_BATCH = 16; // messages in a post
const MAX_QUEUE = 64; // messages that wait for one
const PATIENCE = 10_000; // ms that an answer is waited for
const AGAIN = { least: 1000, most: 10_000 } as const; // ms to wait when the server is busy
const CLOSE_ABNORMAL = 1006;

/** Asks the network, as the global `fetch` does. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

const sessionOf = object<{ session: string }>({ session: text });
const nonceOf = object<{ nonce: string }>({ nonce: text });

/** See the module. It opens at once; the first message that is sent is the hello, and begins the stream. */
export class StreamSocket implements Socket {
  binaryType: BinaryType = "arraybuffer";
  readyState: 0 | 1 | 2 | 3 = 0;
  readonly protocol = SUBPROTOCOL;
  onopen: Socket["onopen"] = null;
  onmessage: Socket["onmessage"] = null;
  onclose: Socket["onclose"] = null;
  onerror: Socket["onerror"] = null;
  readonly #server: string;
  readonly #fetch: Fetch;
  readonly #life = new AbortController();
  readonly #queue: string[] = [];
  #begun = false;
  #session: string | undefined;
  #posting = false;
  #asking = false;

  /** @param url - Any address of the server; ws: and wss: will do. */
  constructor(url: string, get: Fetch = (address, init) => fetch(address, init)) {
    this.#server = url.replace(/^ws/, "http");
    this.#fetch = get;
    queueMicrotask(() => this.#open());
  }

  #open(): void {
    if (this.readyState !== 0) return;
    this.readyState = 1;
    this.onopen?.call(this as never, new Event("open"));
  }

  send(data: string | ArrayBufferLike | Blob | ArrayBufferView): void {
    if (this.readyState !== 1) return;
    if (data instanceof ArrayBuffer) void this.#askClock(data);
    else if (!this.#begun) void this.#begin(String(data));
    else if (this.#queue.length < MAX_QUEUE) {
      this.#queue.push(String(data));
      void this.#post();
    }
  }

  close(): void {
    this.readyState = 3;
    this.#life.abort();
  }

  #end(code: number): void {
    if (this.readyState === 3) return;
    this.close();
    this.onclose?.call(this as never, Object.assign(new Event("close"), { code }) as never);
  }

  async #begin(hello: string): Promise<void> {
    this.#begun = true;
    try {
      const response = await this.#fetch(this.#address(""), {
        method: "POST",
        body: hello,
        headers: { "Content-Type": "application/json", Accept: "text/event-stream" },
        cache: "no-store",
        signal: this.#life.signal,
      });
      if (response.ok && response.body !== null) await this.#read(response.body);
      else this.#refused(response);
      this.#end(CLOSE_ABNORMAL);
    } catch {
      this.#end(CLOSE_ABNORMAL); // a network that fails, or a stream that is none
    }
  }

  /** A server that is too busy for another stream says how long: as a bye would. */
  #refused({ status, headers }: Response): void {
    if (!isBusy(status)) return;
    const named = headers.get("Cuelight-Try");
    const bye: ByeMessage = {
      t: "bye",
      code: CloseCode.busy,
      reason: closeReason(CloseCode.busy),
      reconnect: true,
      after_ms: againIn(headers.get("Retry-After")),
      ...(named === null ? {} : { try: named }),
    };
    this.#say(JSON.stringify(bye));
  }

  async #read(body: ReadableStream<Uint8Array>): Promise<void> {
    const events = new EventReader();
    const decoder = new TextDecoder();
    const reader = body.getReader();
    while (this.readyState === 1) {
      const { done, value } = await reader.read();
      if (done) return;
      for (const event of events.push(decoder.decode(value, { stream: true }))) this.#take(event);
    }
  }

  #take({ name, data }: StreamEvent): void {
    switch (name) {
      case "session":
        this.#session = sessionOf.read(JSON.parse(data), "session").session;
        void this.#post();
        return;
      case "ping":
        void this.#pong(nonceOf.read(JSON.parse(data), "ping").nonce);
        return;
      case "message":
        this.#say(data);
        return;
      default: // a server newer than this page
    }
  }

  #say(data: string | ArrayBuffer): void {
    if (this.readyState === 1) this.onmessage?.call(this as never, new MessageEvent("message", { data }));
  }

  /** Past the queue: what it measures is the line, not what waits. */
  async #pong(nonce: string): Promise<void> {
    try {
      await this.#send("/messages", JSON.stringify({ t: "pong", nonce }));
    } catch {
      // The server asks again, or gives up.
    }
  }

  /** One post at a time, so that messages keep their order. */
  async #post(): Promise<void> {
    if (this.#posting || this.#session === undefined) return;
    this.#posting = true;
    try {
      while (this.#queue.length > 0 && this.readyState === 1) await this.#postBatch();
    } catch {
      this.#end(CLOSE_ABNORMAL);
    } finally {
      this.#posting = false;
    }
  }

  async #postBatch(): Promise<void> {
    const batch = this.#queue.slice(0, MAX_BATCH);
    const body = batch.length === 1 ? (batch[0] ?? "") : `[${batch.join(",")}]`;
    const { status, headers } = await this.#send("/messages", body);
    if (isBusy(status)) {
      await pause(againIn(headers.get("Retry-After")), this.#life.signal);
      return;
    }
    this.#queue.splice(0, batch.length); // what the server cannot read it will not read the next time
    if (isGone(status)) this.#end(CLOSE_ABNORMAL);
  }

  /** A ping that would wait for another one measures the wait: it is left out. */
  async #askClock(ping: ArrayBuffer): Promise<void> {
    if (this.#asking || this.#session === undefined) return;
    this.#asking = true;
    try {
      const response = await this.#send("/clock", ping);
      if (response.ok) this.#say(await response.arrayBuffer());
      else if (isGone(response.status)) this.#end(CLOSE_ABNORMAL);
    } catch {
      // The next ping tells more.
    } finally {
      this.#asking = false;
    }
  }

  async #send(path: string, body: string | ArrayBuffer): Promise<Response> {
    const timeout = new AbortController();
    const stop = (): void => timeout.abort();
    const timer = setTimeout(stop, PATIENCE);
    this.#life.signal.addEventListener("abort", stop, { once: true });
    try {
      return await this.#fetch(this.#address(path), {
        method: "POST",
        body,
        headers: {
          "Content-Type": typeof body === "string" ? "application/json" : "application/octet-stream",
          "Cuelight-Session": this.#session ?? "",
        },
        cache: "no-store",
        signal: timeout.signal,
      });
    } finally {
      clearTimeout(timer);
      this.#life.signal.removeEventListener("abort", stop);
    }
  }

  #address(path: string): string {
    return new URL(`/api/v1/stream${path}`, this.#server).href;
  }
}

/** The server does not know the session any more. */
const isGone = (status: number): boolean => status === 401 || status === 404 || status === 410;

const isBusy = (status: number): boolean => status === 429 || status === 503;

function againIn(retryAfter: string | null): Millis {
  const asked = Number(retryAfter ?? Number.NaN) * 1000;
  return millis(Math.min(AGAIN.most, Math.max(AGAIN.least, Number.isFinite(asked) ? asked : 0)));
}

function pause(delay: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, delay);
    signal.addEventListener("abort", done);
  });
}
