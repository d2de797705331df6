import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import {
  BridgedClock,
  Connection,
  decodeClient,
  decodePing,
  encodePong,
  encodeServer,
  hostLine,
  type LineEvent,
  type LineRequest,
  type LineTarget,
  localNow,
  micros,
  millis,
  type Port,
  type Socket,
  WorkerLine,
  type WorkerPort,
} from "../src/core/index.ts";
import { msgpackCodec } from "../src/core/msgpack.ts";

const AHEAD = 1_795_410_000_000_000; // µs that R is ahead of the page's clock

/** What a server does on a socket: it welcomes, and answers pings after 4 ms. */
class Server implements Socket {
  binaryType: BinaryType = "blob";
  readyState: 0 | 1 | 2 | 3 = 0;
  readonly protocol = "cuelight.v1.json";
  onopen: Socket["onopen"] = null;
  onmessage: Socket["onmessage"] = null;
  onclose: Socket["onclose"] = null;
  onerror: Socket["onerror"] = null;
  readonly said: string[] = [];

  constructor() {
    setTimeout(() => this.#open(), 1);
  }

  #open(): void {
    this.readyState = 1;
    this.onopen?.call(this as never, new Event("open"));
    const now_us = micros(Math.round(localNow() * 1000 + AHEAD));
    this.say(
      encodeServer({
        t: "welcome",
        v: 1,
        channel: "show",
        title: "Show",
        role: "viewer",
        participant: "p9",
        token: "t1",
        clock_epoch: 7,
        now_us,
        cues: [],
        tallies: [],
        receipts: [],
      }),
    );
  }

  send(data: unknown): void {
    if (typeof data === "string") {
      this.said.push(decodeClient(data).t);
      return;
    }
    const ping = decodePing(data as ArrayBuffer);
    if (ping === undefined) throw new Error("a frame that is no ping");
    const served = micros(Math.round((localNow() + 2) * 1000 + AHEAD));
    const pong = encodePong({ ...ping, received: served, replied: served, clockEpoch: 7 });
    setTimeout(() => this.say(pong), 4);
  }

  say(data: unknown): void {
    this.onmessage?.call(this as never, new MessageEvent("message", { data }));
  }

  close(): void {
    this.readyState = 3;
  }
}

/** A pair of threads: what one says arrives at the other `delay` ms later. */
function threads(delay: number): {
  page: WorkerPort;
  worker: Port<LineRequest, LineEvent>;
  ended: () => boolean;
} {
  let over = false;
  const page: WorkerPort = {
    onmessage: null,
    onerror: null,
    postMessage: (data) => later(() => worker.onmessage?.(new MessageEvent("message", { data }))),
    terminate: () => {
      over = true;
    },
  };
  const worker: Port<LineRequest, LineEvent> = {
    onmessage: null,
    postMessage: (data) => later(() => page.onmessage?.(new MessageEvent("message", { data }))),
  };
  const later = (deliver: () => void): void => {
    setTimeout(() => {
      if (!over) deliver();
    }, delay);
  };
  return { page, worker, ended: () => over };
}

const target = { url: "ws://server/ws/v1", channel: "show", role: "viewer" } as const;
let stop: AbortController;
let sockets: Server[] = [];

const dial = (): Socket => {
  const socket = new Server();
  sockets.push(socket);
  return socket;
};

/** What a test wants otherwise: of the target, of the worker's own line, and when the worker is there. */
interface InWorker {
  readonly more?: Partial<LineTarget>;
  readonly host?: NonNullable<Parameters<typeof hostLine>[1]>;
  readonly late?: boolean;
}

beforeEach(() => {
  vi.useFakeTimers({
    toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "Date", "performance"],
  });
  stop = new AbortController();
  sockets = [];
});

afterEach(() => {
  stop.abort();
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

describe("WL1 socket and clock in a worker", () => {
  function inWorker(
    delay = 1,
    { more = {}, host = {}, late = false }: InWorker = {},
  ): { connection: Connection; done: Promise<void>; ended: () => boolean } {
    let pair = threads(delay);
    const start = (): WorkerPort => {
      pair = threads(delay);
      hostLine(pair.worker, { open: dial, random: () => 0.5, ...host });
      return pair.page;
    };
    const worker = late ? () => Promise.resolve().then(start) : start;
    const line = new WorkerLine({ ...target, ...more, worker });
    const connection = new Connection({ ...target, line, random: () => 0.5 });
    return { connection, done: connection.run({ signal: stop.signal }), ended: () => pair.ended() };
  }

  test("the page reads R as the worker does, and is told of the room", async () => {
    const { connection } = inWorker();
    await vi.advanceTimersByTimeAsync(2000);
    expect(connection.room.getState()).toMatchObject({ link: { is: "open" }, title: "Show" });
    expect(connection.clock.synced(localNow())).toBe(true);
    expect(Math.abs((connection.now() ?? 0) - (localNow() * 1000 + AHEAD))).toBeLessThan(
      connection.clock.dispersion(localNow()),
    );
    expect(connection.thread).toMatch(/^worker, ±/);
  });
  test("the way between the threads is part of the bound", async () => {
    const near = inWorker(1).connection;
    const far = inWorker(20).connection;
    await vi.advanceTimersByTimeAsync(2000);
    expect(far.clock.dispersion(localNow()) - near.clock.dispersion(localNow())).toBeGreaterThan(15_000);
  });
  test("answers and reports go out", async () => {
    const { connection } = inWorker();
    await vi.advanceTimersByTimeAsync(1000);
    expect(connection.report({ t: "closed", cue: "c1", rev: 2, at_us: micros(AHEAD) })).toBe(true);
    await vi.advanceTimersByTimeAsync(10);
    expect(sockets[0]?.said).toEqual(["hello", "closed"]);
  });
  test("a wall clock that is set makes both measure afresh", async () => {
    const { connection } = inWorker();
    const changes: string[] = [];
    connection.onClock((change) => changes.push(change), { signal: stop.signal });
    await vi.advanceTimersByTimeAsync(20_000);
    vi.setSystemTime(Date.now() + 90_000);
    await vi.advanceTimersByTimeAsync(1500);
    expect(changes).toContain("reset");
    expect(connection.clock.synced(localNow())).toBe(true);
  });
  test("a worker that has to be fetched first is waited for (CD1)", async () => {
    const { connection } = inWorker(1, { late: true });
    await vi.advanceTimersByTimeAsync(1000);
    expect(connection.room.getState().link.is).toBe("open");
    expect(connection.thread).toMatch(/^worker/);
  });
  test("the worker loads MessagePack where that is asked for (CD1)", async () => {
    const offers: (readonly string[])[] = [];
    const open = (_: string, offered: readonly string[]): Socket => {
      offers.push(offered);
      return dial();
    };
    const host = { open, msgpack: () => Promise.resolve(msgpackCodec) };
    inWorker(1, { more: { codec: "msgpack" }, host });
    await vi.advanceTimersByTimeAsync(1000);
    expect(offers).toEqual([["cuelight.v1.msgpack", "cuelight.v1.json"]]);
  });
  test("the stream is in the worker, too (TP3)", async () => {
    const urls: string[] = [];
    const openStream = (url: string): Socket => {
      urls.push(url);
      return dial();
    };
    const { connection } = inWorker(1, { more: { transport: "stream" }, host: { openStream } });
    await vi.advanceTimersByTimeAsync(1000);
    expect(urls).toEqual([target.url]);
    expect(connection.room.getState().link).toMatchObject({ via: { transport: "stream" } });
  });
  test("waking up reaches the worker (CN9)", async () => {
    const { connection } = inWorker();
    await vi.advanceTimersByTimeAsync(20_000);
    const [first] = sockets;
    if (first !== undefined) first.send = () => undefined; // nothing comes back any more
    connection.wake("network");
    await vi.advanceTimersByTimeAsync(2100);
    expect(sockets).toHaveLength(2);
    expect(connection.room.getState().link.is).toBe("open");
  });
  test("a PIN is taken by another worker (DR1)", async () => {
    const { connection, ended } = inWorker();
    await vi.advanceTimersByTimeAsync(100);
    sockets[0]?.onclose?.call(
      sockets[0] as never,
      Object.assign(new Event("close"), { code: 4108 }) as never,
    );
    await vi.advanceTimersByTimeAsync(100);
    expect(ended()).toBe(true);
    connection.enter("1234");
    await vi.advanceTimersByTimeAsync(1000);
    expect(sockets).toHaveLength(2);
    expect(connection.room.getState().link.is).toBe("open");
    expect(connection.clock.synced(localNow())).toBe(true);
  });
  test("abort ends the worker, and no timer of the page stays", async () => {
    const { connection, done, ended } = inWorker();
    await vi.advanceTimersByTimeAsync(1000);
    stop.abort();
    await done;
    expect(ended()).toBe(true);
    expect(connection.room.getState().link).toEqual({ is: "idle" });
  });
});

describe("WL2 where workers are refused, the page has socket and clock itself, and says so", () => {
  const refused = async (worker: () => WorkerPort): Promise<Connection> => {
    vi.stubGlobal(
      "WebSocket",
      class extends Server {
        constructor() {
          super();
          sockets.push(this);
        }
      },
    );
    const connection = new Connection({ ...target, line: new WorkerLine({ ...target, worker }) });
    void connection.run({ signal: stop.signal });
    await vi.advanceTimersByTimeAsync(6000);
    return connection;
  };
  const working = (connection: Connection): void => {
    expect(connection.room.getState().link.is).toBe("open");
    expect(connection.clock.synced(localNow())).toBe(true);
    expect(sockets).toHaveLength(1);
  };

  test("by an exception", async () => {
    const connection = await refused(() => {
      throw new Error("SecurityError");
    });
    working(connection);
    expect(connection.thread).toBe("page (no workers)");
  });
  test("by an error event, as a content security policy does", async () => {
    const connection = await refused(() => {
      const { page } = threads(1);
      setTimeout(() => page.onerror?.(new Event("error") as never), 5);
      return page;
    });
    working(connection);
    expect(connection.thread).toBe("page (worker refused)");
  });
  test("by silence", async () => {
    const connection = await refused(() => threads(1).page);
    working(connection);
    expect(connection.thread).toBe("page (worker does not start)");
  });
});

describe("WL3 the bridge between two clocks", () => {
  test("of several ways the quickest counts, and the error is within its bound", () => {
    const clock = new BridgedClock();
    const shift = 5000; // the worker's clock minus the page's
    for (const [at, there, back] of [
      [0, 9, 1],
      [20, 0.3, 0.2],
      [40, 1, 30],
    ] as const) {
      clock.bridge(millis(at), millis(at + there + back), millis(at + there + shift));
    }
    expect(Math.abs((clock.here(millis(shift + 100)) ?? 0) - 100)).toBeLessThanOrEqual(
      clock.bridgeError / 1000,
    );
    expect(clock.bridgeError).toBeLessThan(400);
  });
  test("nothing is read before it was measured", () => {
    const clock = new BridgedClock();
    clock.add({ sentAt: millis(0), receivedAt: millis(2), received: micros(9), replied: micros(9) }, 7);
    expect(clock.at(millis(5))).toBeUndefined();
    expect(clock.synced(millis(5))).toBe(false);
    expect(clock.dispersion(millis(5))).toBe(Number.POSITIVE_INFINITY);
  });
});
