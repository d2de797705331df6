import { type ClientMessage, decodeClient, decodePing, encodePong, micros } from "../src/core/index.ts";
import { AHEAD } from "./far-end.ts";

/** What one request of a stream asked for. */
export interface Asked {
  readonly path: string;
  readonly session: string | null;
  readonly messages: readonly ClientMessage[];
}

/** A server's side of streams over HTTP: what it was asked, and what it says. */
export class HttpEnd {
  readonly asked: Asked[] = [];
  /** Streams that were begun and not given up, oldest first. */
  readonly streams: ReadableStreamDefaultController<Uint8Array>[] = [];
  /** What comes instead of an answer, by path; used once. */
  readonly troubles = new Map<string, () => Response | Promise<Response>>();
  /** Round trip of the clock's requests, in ms. */
  clockTrip = 10;
  /** Answers to posts are held back. */
  held: (() => void)[] | undefined;

  readonly fetch = async (url: string, init: RequestInit): Promise<Response> => {
    const path = new URL(url).pathname;
    init.signal?.throwIfAborted();
    const body = init.body as string | ArrayBuffer;
    const values = typeof body === "string" ? [JSON.parse(body)].flat() : [];
    const session = new Headers(init.headers).get("Cuelight-Session");
    this.asked.push({ path, session, messages: values.map((v) => decodeClient(JSON.stringify(v))) });
    const trouble = this.troubles.get(path);
    this.troubles.delete(path);
    if (trouble !== undefined) return trouble();
    if (path.endsWith("/clock")) return this.#clock(body as ArrayBuffer);
    if (path.endsWith("/messages")) return this.#taken();
    return this.#stream(init.signal ?? undefined);
  };

  #stream(signal: AbortSignal | undefined): Response {
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.streams.push(controller);
        signal?.addEventListener("abort", () => {
          const i = this.streams.indexOf(controller);
          if (i < 0) return; // the server ended it
          this.streams.splice(i, 1);
          controller.error(signal.reason);
        });
      },
    });
    return new Response(body, { status: 200 });
  }

  async #taken(): Promise<Response> {
    const { held } = this;
    if (held !== undefined) await new Promise<void>((resolve) => held.push(resolve));
    return new Response(null, { status: 202 });
  }

  async #clock(body: ArrayBuffer): Promise<Response> {
    const ping = decodePing(body);
    if (ping === undefined) throw new Error("a frame that is no ping");
    await new Promise((resolve) => setTimeout(resolve, this.clockTrip));
    const served = micros(Math.round((ping.sentAt + this.clockTrip / 2) * 1000) + AHEAD);
    return new Response(encodePong({ ...ping, received: served, replied: served, clockEpoch: 7 }));
  }

  /** Text on the newest stream, as it is. */
  raw(text: string): void {
    this.streams.at(-1)?.enqueue(new TextEncoder().encode(text));
  }

  say(data: string, name?: string): void {
    this.raw(`${name === undefined ? "" : `event: ${name}\n`}data: ${data}\n\n`);
  }

  session(id = "s1"): void {
    this.say(JSON.stringify({ session: id, clock_epoch: 7 }), "session");
  }

  end(): void {
    this.streams.pop()?.close();
  }

  posts(path: string): readonly Asked[] {
    return this.asked.filter((a) => a.path.endsWith(path));
  }
}
