import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import {
  type ConnectionOptions,
  type CueMessage,
  EventReader,
  EventTooLargeError,
  encodeServer,
  localNow,
  micros,
  type ServerMessage,
  StreamSocket,
} from "../src/core/index.ts";
import { AHEAD, cue, Ends, openCue, welcome } from "./far-end.ts";
import { HttpEnd } from "./http-end.ts";
import { mulberry } from "./random.ts";

describe("TP3 events are read as HTML says", () => {
  const read = (...pieces: string[]) => {
    const reader = new EventReader();
    return pieces.flatMap((piece) => reader.push(piece));
  };
  const x = [{ name: "message", data: "x" }];
  test.each([
    ["one event", ["data: x\n\n"], x],
    ["without the space", ["data:x\n\n"], x],
    ["in pieces", ["da", "ta: ", "x\n", "\n"], x],
    ["carriage returns", ["data: x\r\n\r\n"], x],
    ["a pair that is torn apart", ["data: x\r", "\n\r", "\n"], x],
    ["a name", ["event: ping\ndata: x\n\n"], [{ name: "ping", data: "x" }]],
    ["several lines", ["data: x\ndata: y\n\n"], [{ name: "message", data: "x\ny" }]],
    ["two events", ["data: x\n\ndata: x\n\n"], [...x, ...x]],
    ["comments", [": nothing\n\n:\n\ndata: x\n\n"], x],
    ["fields nobody knows", ["id: 4\nretry: 9\ncolour\ndata: x\n\n"], x],
    ["a name that is of the next event only", ["event: a\n\ndata: x\n\n"], x],
    ["an event that is not whole", ["data: x\n"], []],
  ])("%s", (_, pieces, want) => expect(read(...pieces)).toEqual(want));
  test("however the network tears them apart", () => {
    const text = "event: ping\r\ndata: {}\n\n: c\rdata: ü\ndata:\n\r\n\ndata: 🎬x\n\n";
    const whole = read(text);
    expect(whole).toHaveLength(3);
    const random = mulberry(7);
    for (let run = 0; run < 500; run++) {
      const pieces: string[] = [];
      for (let at = 0; at < text.length; ) {
        const size = 1 + Math.floor(random() * 6);
        pieces.push(text.slice(at, at + size));
        at += size;
      }
      expect(read(...pieces), JSON.stringify(pieces)).toEqual(whole);
    }
  });
  test("what never ends is refused", () => {
    const reader = new EventReader();
    const piece = "x".repeat(1 << 20);
    expect(() => Array.from({ length: 5 }, () => reader.push(piece))).toThrow(EventTooLargeError);
    const lines = new EventReader();
    expect(() => Array.from({ length: 5 }, () => lines.push(`data: ${piece}\n`))).toThrow(EventTooLargeError);
  });
});

let ends: Ends;
let http: HttpEnd;

beforeEach(() => {
  ends = new Ends();
  http = new HttpEnd();
});

afterEach(() => ends.done());

const settle = () => vi.advanceTimersByTimeAsync(0);

async function connect(options: Partial<ConnectionOptions> = {}) {
  const made = ends.connect({
    transport: "stream",
    openStream: (url) => new StreamSocket(url, http.fetch),
    ...options,
  });
  await settle();
  return made;
}

const say = (message: ServerMessage, offset = 0) => http.say(encodeServer(message, offset));

/** A connection that is welcomed. */
async function streaming(options: Partial<ConnectionOptions> = {}) {
  const made = await connect(options);
  http.session();
  say(welcome());
  await settle();
  return made;
}

const receipt = (id: string): ServerMessage => ({
  ...{ t: "receipt", id, cue: "c1", choice: [1], seq: 3, at_us: micros(AHEAD), level: "log" },
});

describe("TP3 a stream carries the same messages", () => {
  test("hello is the body of the request that begins it", async () => {
    const { connection } = await streaming();
    expect(http.asked[0]).toEqual({
      path: "/api/v1/stream",
      session: null,
      messages: [{ t: "hello", v: 1, channel: "show", role: "viewer" }],
    });
    expect(connection.room.getState().link).toEqual({
      is: "open",
      via: { transport: "stream", codec: "json" },
    });
  });
  test("an answer goes up under the session, its receipt comes down", async () => {
    const { connection } = await streaming();
    connection.answer(cue, [1], localNow());
    await settle();
    const [post] = http.posts("/messages");
    expect(post).toMatchObject({ session: "s1", messages: [{ t: "answer", cue: "c1", choice: [1] }] });
    const [sent] = post?.messages ?? [];
    say(receipt(sent?.t === "answer" ? sent.id : ""));
    await settle();
    expect(connection.room.getState().receipts.get("c1")?.seq).toBe(3);
    expect(connection.room.getState().sending.size).toBe(0);
  });
  test("what is sent before the session is known waits for it", async () => {
    const { connection } = await connect();
    connection.answer(cue, [1], localNow());
    await settle();
    expect(http.posts("/messages")).toEqual([]);
    http.session();
    await settle();
    expect(http.posts("/messages")).toHaveLength(1);
  });
  test("one post at a time, at most 16 messages each, in order", async () => {
    const { connection } = await streaming();
    http.held = [];
    const opened = (n: number) =>
      ({ t: "opened", cue: `c${n}`, rev: 1, at_us: micros(AHEAD), disp_us: micros(1), class: "in" }) as const;
    for (let n = 0; n < 20; n++) connection.report(opened(n));
    await settle();
    expect(http.posts("/messages")).toHaveLength(1);
    while (http.held.length > 0) {
      http.held.shift()?.();
      await settle();
    }
    const posts = http.posts("/messages").map((p) => p.messages.map((m) => (m as { cue: string }).cue));
    expect(posts.map((p) => p.length)).toEqual([1, 16, 3]);
    expect(posts.flat()).toEqual(Array.from({ length: 20 }, (_, n) => `c${n}`));
  });
  test("a ping is answered at once, past what waits", async () => {
    const { connection } = await streaming();
    http.held = [];
    connection.answer(cue, [1], localNow());
    await settle();
    http.say('{"nonce":"n7"}', "ping");
    await settle();
    expect(http.posts("/messages").at(-1)).toMatchObject({
      session: "s1",
      messages: [{ t: "pong", nonce: "n7" }],
    });
  });
  test("a server that is busy gets the same post again, when it says", async () => {
    const { connection } = await streaming();
    const busy = () => new Response(null, { status: 429, headers: { "Retry-After": "1" } });
    http.troubles.set("/api/v1/stream/messages", busy);
    connection.answer(cue, [1], localNow());
    await vi.advanceTimersByTimeAsync(990);
    expect(http.posts("/messages")).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(20);
    const [first, again] = http.posts("/messages");
    expect(again).toEqual(first);
  });
  test("an event of another kind, and comments, harm nothing", async () => {
    const { connection } = await streaming();
    http.say("?", "novelty");
    http.raw(":\n\n");
    say({ t: "cue", cue: openCue() });
    await settle();
    expect(connection.room.getState().cues.size).toBe(1);
  });
});

describe("TP3 a stream that ends is replaced", () => {
  const back = async () => {
    await vi.advanceTimersByTimeAsync(300);
    return http.posts("/stream").length;
  };
  test.each([
    ["it ends", () => http.end()],
    ["it breaks", () => http.streams.pop()?.error(new Error("gone"))],
    ["its session makes no sense", () => http.say("{}", "session")],
  ])("when %s", async (_, end) => {
    await streaming();
    end();
    await settle();
    expect(await back()).toBe(2);
  });
  test("when the server does not know it any more", async () => {
    const { connection } = await streaming();
    http.troubles.set("/api/v1/stream/messages", () => new Response(null, { status: 404 }));
    connection.answer(cue, [1], localNow());
    await settle();
    expect(await back()).toBe(2);
  });
  test("when a post does not get through", async () => {
    const { connection } = await streaming();
    http.troubles.set("/api/v1/stream/messages", () => Promise.reject(new TypeError("no network")));
    connection.answer(cue, [1], localNow());
    await settle();
    expect(await back()).toBe(2);
    http.session("s2");
    say(welcome());
    await settle();
    expect(http.posts("/messages").at(-1)).toMatchObject({ session: "s2", messages: [{ t: "answer" }] });
  });
  test("after a bye, no sooner than that says", async () => {
    await streaming();
    http.say('{"t":"bye","code":4000,"reason":"restart","reconnect":true,"after_ms":3000}');
    http.end();
    await vi.advanceTimersByTimeAsync(3200);
    expect(http.posts("/stream")).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(100);
    expect(http.posts("/stream")).toHaveLength(2);
  });
  test("for good after a final bye", async () => {
    const { connection, done } = await streaming();
    http.say('{"t":"bye","code":4106,"reason":"","reconnect":false}');
    http.end();
    await done;
    expect(connection.room.getState().link).toMatchObject({ is: "refused", code: 4106 });
  });
  test("when there are too many, after what the server asks for", async () => {
    http.troubles.set(
      "/api/v1/stream",
      () => new Response(null, { status: 503, headers: { "Retry-After": "4" } }),
    );
    await connect();
    await vi.advanceTimersByTimeAsync(4200);
    expect(http.posts("/stream")).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(100);
    expect(http.posts("/stream")).toHaveLength(2);
  });
  test("abort ends it: no request and no timer stays", async () => {
    const { connection, done } = await streaming();
    http.held = [];
    connection.answer(cue, [1], localNow());
    await settle();
    ends.stop.abort();
    await done;
    for (const release of http.held) release();
    await vi.advanceTimersByTimeAsync(20);
    expect(http.streams).toEqual([]);
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe("TP4 the clock by POST", () => {
  test("is the same estimate, and says how far off it may be", async () => {
    http.clockTrip = 80;
    const { connection } = await streaming();
    await vi.advanceTimersByTimeAsync(2000);
    const now = localNow();
    expect(Math.abs((connection.clock.at(now) ?? 0) - (now * 1000 + AHEAD))).toBeLessThan(2);
    expect(connection.clock.dispersion(now)).toBeGreaterThanOrEqual(40_000);
    expect(connection.clock.synced(now)).toBe(true);
  });
  test("one at a time: a ping that would wait is left out", async () => {
    http.clockTrip = 400;
    await streaming();
    await vi.advanceTimersByTimeAsync(350);
    expect(http.posts("/clock")).toHaveLength(1);
    expect(http.posts("/clock")[0]?.session).toBe("s1");
  });
});

describe("TP1 a page where sockets do not work", () => {
  test("has its cue on the stream after two tries, without being asked", async () => {
    const { connection } = await connect({ transport: "auto" });
    for (let i = 0; i < 2; i++) {
      ends.last.end(1006);
      await vi.advanceTimersByTimeAsync(600);
    }
    expect(ends.all).toHaveLength(2);
    http.session();
    say(welcome());
    say({ t: "cue", cue: openCue() });
    await settle();
    expect(connection.room.getState().cues.has("c1")).toBe(true);
  });
  test("also where the browser refuses to make one", async () => {
    const warnings: string[] = [];
    await connect({
      transport: "auto",
      open: () => {
        throw new DOMException("no", "SecurityError");
      },
      warn: (message) => warnings.push(message),
    });
    await vi.advanceTimersByTimeAsync(2000);
    expect(warnings).toHaveLength(2);
    expect(http.posts("/stream")).toHaveLength(1);
  });
  test("tries the socket again after 3 minutes, goes on from where it was, and loses nothing", async () => {
    const { connection } = await connect({ transport: "auto" });
    for (let i = 0; i < 2; i++) {
      ends.last.end(1006);
      await vi.advanceTimersByTimeAsync(600);
    }
    http.session();
    say(welcome({ epoch: "e1", offset: 4 }));
    say({ t: "cue", cue: { ...cue, state: "closed" } }, 5);
    await vi.advanceTimersByTimeAsync(179_000);
    expect(ends.all).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(3000);
    expect(ends.all).toHaveLength(3);
    ends.last.open();
    expect(ends.last.messages[0]).toMatchObject({ t: "hello", resume: { epoch: "e1", offset: 5 } });
    ends.last.say(welcome({ epoch: "e1", offset: 5, resumed: true }));
    expect(connection.room.getState().cues.has("c1")).toBe(true);
    expect(connection.room.getState().link).toMatchObject({ via: { transport: "socket" } });
  });
  test("not while a window is open", async () => {
    await connect({ transport: "auto" });
    for (let i = 0; i < 2; i++) {
      ends.last.end(1006);
      await vi.advanceTimersByTimeAsync(600);
    }
    http.session();
    say(welcome());
    const long: CueMessage = { t: "cue", cue: openCue(600_000) };
    say(long);
    await vi.advanceTimersByTimeAsync(190_000);
    expect(ends.all).toHaveLength(2);
    say({ t: "cue", cue: { ...long.cue, state: "closed" } });
    await vi.advanceTimersByTimeAsync(1000);
    expect(ends.all).toHaveLength(3);
  });
});
