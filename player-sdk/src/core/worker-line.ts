/**
 * A line whose socket and clock are in a worker, where a busy page delays
 * neither; in this thread, where workers are refused.
 *
 * @module
 */
import { BridgedClock } from "./bridged-clock.ts";
import type { RoomReader } from "./clock.ts";
import { clockFreeze, localNow } from "./clock-sync.ts";
import type { MessageCodec } from "./encoding.ts";
import type { Identity, Line, LineListener, LineTarget, Wake } from "./line.ts";
import type { LineEvent, LineRequest, Port } from "./line-port.ts";
import { LocalLine } from "./local-line.ts";
import { type Micros, type Millis, micros, millis } from "./units.ts";
import type { ClientMessage } from "./wire.ts";

const START_PATIENCE = 3000; // ms for a worker to say that it runs
const BRIDGE_FIRST = 6; // questions at the start, and after the samples were dropped
const BRIDGE_AGAIN = 2; // with every sample

/** A worker. */
export interface WorkerPort extends Port<LineEvent, LineRequest> {
  onerror: ((event: never) => void) | null;
  terminate(): void;
}

/** How to reach the room, and how to make a worker that hosts a line. */
export interface WorkerLineOptions extends LineTarget {
  /** @throws if the browser refuses. */
  readonly worker: () => WorkerPort | Promise<WorkerPort>;
  /** For the page, where there is no worker. See LocalLineOptions. */
  readonly msgpack?: () => Promise<MessageCodec>;
}

const nothing: RoomReader = {
  at: () => undefined,
  localAt: () => undefined,
  dispersion: () => micros(Number.POSITIVE_INFINITY),
  synced: () => false,
  rtt: undefined,
};

/** See the module. Create it, then {@link WorkerLine.run} it. */
export class WorkerLine implements Line {
  readonly #options: WorkerLineOptions;
  #identity: Identity = {};
  #openings: readonly Micros[] = [];
  #port: WorkerPort | undefined;
  #bridged: BridgedClock | undefined;
  #local: LocalLine | undefined;
  #linked = false;
  #refused = "";

  constructor(options: WorkerLineOptions) {
    this.#options = options;
  }

  get thread(): string {
    if (this.#local !== undefined) return `page (${this.#refused})`;
    if (this.#bridged === undefined) return "starting";
    return `worker, ±${(this.#bridged.bridgeError / 1000).toFixed(2)} ms`;
  }

  get clock(): RoomReader {
    return this.#local?.clock ?? this.#bridged ?? nothing;
  }

  async run(listener: LineListener, options: { readonly signal: AbortSignal }): Promise<void> {
    const port = await this.#start(options.signal);
    if (options.signal.aborted) {
      port?.terminate();
      listener.link({ is: "idle" });
      return;
    }
    if (port === undefined) await this.#runHere(listener, options);
    else await this.#runThere(port, listener, options.signal);
  }

  /** A worker that runs; undefined if there is none to be had. */
  #start(signal: AbortSignal): Promise<WorkerPort | undefined> {
    return new Promise((resolve) => {
      let port: WorkerPort | undefined;
      let settled = false;
      const settle = (refused: string): void => {
        settled = true;
        clearTimeout(timer);
        signal.removeEventListener("abort", aborted);
        this.#refused = refused;
        if (refused !== "") port?.terminate();
        resolve(refused === "" ? port : undefined);
      };
      const aborted = (): void => settle("stopped");
      const timer = setTimeout(() => settle("worker does not start"), START_PATIENCE);
      signal.addEventListener("abort", aborted);
      this.#make((made) => {
        port = made;
        if (settled) made.terminate();
        made.onerror = () => settle("worker refused");
        made.onmessage = ({ data }) => {
          if (data.is === "ready") settle("");
        };
      }).catch(() => settle("no workers"));
    });
  }

  /** At once if the worker is there at once. */
  async #make(made: (port: WorkerPort) => void): Promise<void> {
    const worker = this.#options.worker();
    made(worker instanceof Promise ? await worker : worker);
  }

  async #runHere(listener: LineListener, options: { readonly signal: AbortSignal }): Promise<void> {
    const { worker: _, ...here } = this.#options;
    this.#local = new LocalLine(here);
    this.#local.identify(this.#identity);
    await this.#local.run(listener, options);
  }

  #runThere(port: WorkerPort, listener: LineListener, signal: AbortSignal): Promise<void> {
    this.#port = port;
    this.#bridged = new BridgedClock();
    return new Promise((resolve) => {
      const end = (): void => {
        signal.removeEventListener("abort", aborted);
        port.terminate();
        this.#port = undefined;
        this.#linked = false;
        resolve();
      };
      const aborted = (): void => {
        end();
        listener.link({ is: "idle" });
      };
      signal.addEventListener("abort", aborted);
      port.onmessage = ({ data }) => (data.is === "over" ? end() : this.#take(data, listener));
      this.#ask(BRIDGE_FIRST);
      const { worker: _, msgpack: __, ...target } = this.#options;
      this.#post({ do: "run", target, identity: this.#identity });
    });
  }

  #take(event: Exclude<LineEvent, { is: "over" }>, listener: LineListener): void {
    const clock = this.#bridged;
    if (clock === undefined) return;
    switch (event.is) {
      case "time":
        clock.bridge(event.sentAt, localNow(), event.at);
        return;
      case "sample":
        this.#ask(BRIDGE_AGAIN);
        listener.clock(clock.add(event.sample, event.epoch));
        return;
      case "reset":
        clock.reset();
        this.#ask(BRIDGE_FIRST);
        listener.clock("reset");
        return;
      case "message":
        if (event.message.t === "welcome") clock.guess(event.message.now_us, localNow());
        listener.message(event.message);
        return;
      case "link": {
        const { link } = event;
        this.#linked = link.is === "open";
        listener.link(link.is === "waiting" ? { ...link, retryAt: this.#here(link.retryAt) } : link);
        return;
      }
      case "denied":
        listener.denied();
        return;
      case "warning":
        listener.warn(event.message, event.cause);
        return;
      case "ready":
        return;
      default:
        event satisfies never;
    }
  }

  #here(worker: number): Millis {
    return this.#bridged?.here(millis(worker)) ?? localNow();
  }

  #ask(times: number): void {
    for (let i = 0; i < times; i++) this.#post({ do: "time", sentAt: localNow() });
  }

  #post(request: LineRequest): void {
    this.#port?.postMessage(request);
  }

  identify(identity: Identity): void {
    this.#identity = identity;
    this.#local?.identify(identity);
    this.#post({ do: "identify", identity });
  }

  send(message: ClientMessage): boolean {
    if (this.#local !== undefined) return this.#local.send(message);
    if (this.#port === undefined) return false;
    this.#post({ do: "send", message });
    return this.#linked;
  }

  expect(openings: readonly Micros[]): void {
    this.#local?.expect(openings);
    if (same(openings, this.#openings)) return;
    this.#openings = openings;
    this.#bridged?.freeze(clockFreeze(openings));
    this.#post({ do: "expect", openings });
  }

  wake(why: Wake): void {
    this.#local?.wake(why);
    this.#ask(BRIDGE_FIRST);
    this.#post({ do: "wake", why });
  }
}

const same = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((v, i) => v === b[i]);
