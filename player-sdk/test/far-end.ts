import { vi } from "vitest";
import {
  type ClientMessage,
  Connection,
  type ConnectionOptions,
  type Cue,
  decodeClient,
  decodePing,
  encodePong,
  encodeServer,
  localNow,
  MSGPACK_SUBPROTOCOL,
  micros,
  millis,
  type ServerMessage,
  type Socket,
} from "../src/core/index.ts";
import { packServer, unpackClient } from "../src/core/msgpack.ts";

/** µs that R is ahead of the device's clock. */
export const AHEAD = 1_795_410_000_000_000;

/** The far end of a socket: what a server sees and says. */
export class FarEnd implements Socket {
  binaryType: BinaryType = "blob";
  readyState: 0 | 1 | 2 | 3 = 0;
  protocol = "";
  onopen: Socket["onopen"] = null;
  onmessage: Socket["onmessage"] = null;
  onclose: Socket["onclose"] = null;
  onerror: Socket["onerror"] = null;
  readonly messages: ClientMessage[] = [];
  /** What the client offered. */
  readonly offered: readonly string[];
  pings = 0;
  /** Whether pings are answered. */
  alive = true;

  constructor(offered: readonly string[] = []) {
    this.offered = offered;
  }

  send(data: unknown): void {
    if (typeof data === "string") {
      this.messages.push(decodeClient(data));
      return;
    }
    const ping = decodePing(data as ArrayBuffer);
    if (ping === undefined) {
      this.messages.push(unpackClient(data as ArrayBuffer));
      return;
    }
    this.pings++;
    const served = micros(ping.sentAt * 1000 + 2000 + AHEAD);
    if (!this.alive) return;
    setTimeout(() => this.#say(encodePong({ ...ping, received: served, replied: served, clockEpoch: 7 })), 4);
  }

  close(): void {
    this.readyState = 3;
  }

  /** @param protocol - What the server chose of the client's offer. */
  open(protocol = ""): void {
    this.protocol = protocol;
    this.readyState = 1;
    this.onopen?.call(this as never, new Event("open"));
  }

  say(message: ServerMessage, offset = 0): void {
    const packed = this.protocol === MSGPACK_SUBPROTOCOL;
    this.#say(packed ? packServer(message, offset) : encodeServer(message, offset));
  }

  #say(data: unknown): void {
    this.onmessage?.call(this as never, new MessageEvent("message", { data }));
  }

  end(code: number): void {
    this.readyState = 3;
    this.onclose?.call(this as never, Object.assign(new Event("close"), { code }) as never);
  }

  welcome(more: object = {}): void {
    if (this.readyState === 0) this.open();
    this.say(welcome(more));
  }

  get answers(): ClientMessage[] {
    return this.messages.filter((m) => m.t === "answer");
  }
}

/** A welcome to a room of which nothing is to be known. */
export const welcome = (more: object = {}): ServerMessage => ({
  t: "welcome",
  v: 1,
  channel: "show",
  title: "",
  role: "viewer",
  participant: "p9",
  token: "t1",
  clock_epoch: 7,
  now_us: micros(Math.round(localNow() * 1000 + AHEAD)),
  cues: [],
  tallies: [],
  receipts: [],
  ...more,
});

export const cue: Cue = {
  id: "c1",
  rev: 2,
  kind: "poll",
  policy: "wall",
  state: "open",
  window_ms: millis(20_000),
  choices: 2,
  results: "live",
};

/** A cue whose window is open from now on, for `ms`. */
export const openCue = (ms = 20_000, more: Partial<Cue> = {}): Cue => ({
  ...cue,
  o_us: micros(Math.round(localNow() * 1000) + AHEAD),
  c_us: micros(Math.round((localNow() + ms) * 1000) + AHEAD),
  ...more,
});

/** The sockets of one test, oldest first, and a connection that dials them. */
export class Ends {
  readonly all: FarEnd[] = [];
  readonly stop = new AbortController();

  /** Time stands still but for the test's own. */
  constructor() {
    vi.useFakeTimers({
      toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "Date", "performance"],
    });
  }

  get last(): FarEnd {
    return this.all.at(-1) as FarEnd;
  }

  readonly open = (_: string, offered: readonly string[]): Socket => {
    const end = new FarEnd(offered);
    this.all.push(end);
    return end;
  };

  connect(options: Partial<ConnectionOptions> = {}): { connection: Connection; done: Promise<void> } {
    const connection = new Connection({
      url: "ws://server/ws/v1",
      channel: "show",
      transport: "socket",
      random: () => 0.5,
      open: this.open,
      ...options,
    });
    return { connection, done: connection.run({ signal: this.stop.signal }) };
  }

  done(): void {
    this.stop.abort();
    vi.useRealTimers();
  }
}
