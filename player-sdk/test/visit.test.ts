import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import {
  type ConnectionOptions,
  type CueMessage,
  jsonCodec,
  localNow,
  MSGPACK_SUBPROTOCOL,
  millis,
  SUBPROTOCOL,
  type TallyMessage,
} from "../src/core/index.ts";
import { cue, Ends, type FarEnd, openCue } from "./far-end.ts";

let ends: Ends;

const connect = (options: Partial<ConnectionOptions> = {}) => ends.connect(options);
const last = (): FarEnd => ends.last;
const settle = () => vi.advanceTimersByTimeAsync(0);

beforeEach(() => {
  ends = new Ends();
});

afterEach(() => ends.done());

const cueMessage = (id: string): CueMessage => ({ t: "cue", cue: { ...cue, id } });
const tally = (ver: number): TallyMessage => ({ t: "tally", cue: "c1", ver, counts: [ver, 0], total: ver });

describe("CN8 a visit goes on from where it was", () => {
  test("the first hello knows of no place; the next one names the last message", async () => {
    connect();
    last().welcome({ epoch: "e1", offset: 40 });
    last().say(cueMessage("c1"), 41);
    last().say(tally(3), 44);
    expect(last().messages[0]).not.toHaveProperty("resume");
    last().end(1006);
    await vi.advanceTimersByTimeAsync(300);
    last().open();
    expect(last().messages[0]).toMatchObject({ t: "hello", resume: { epoch: "e1", offset: 44 } });
  });
  test("a welcome that resumes leaves everything, and what was missed comes once", async () => {
    const { connection } = connect();
    last().welcome({ epoch: "e1", offset: 40 });
    last().say(cueMessage("c1"), 41);
    last().say(tally(3), 42);
    last().end(1006);
    await vi.advanceTimersByTimeAsync(300);
    last().welcome({ epoch: "e1", offset: 44, resumed: true });
    const seen: unknown[] = [];
    connection.room.subscribe(() => seen.push(connection.room.getState().tallies.get("c1")?.ver), ends.stop);
    last().say(tally(3), 42); // was here
    last().say(tally(4), 43);
    last().say(tally(4), 43); // twice
    last().say(cueMessage("c2"), 44);
    expect(seen).toEqual([4, 4]);
    expect([...connection.room.getState().cues.keys()]).toEqual(["c1", "c2"]);
  });
  test("another log replaces what was known, and its offsets count", async () => {
    const { connection } = connect();
    last().welcome({ epoch: "e1", offset: 40, cues: [cue] });
    last().say(tally(3), 41);
    last().end(1006);
    await vi.advanceTimersByTimeAsync(300);
    last().welcome({ epoch: "e2", offset: 2, cues: [{ ...cue, id: "c9" }] });
    expect([...connection.room.getState().cues.keys()]).toEqual(["c9"]);
    expect(connection.room.getState().tallies.size).toBe(0);
    last().say(cueMessage("c10"), 3);
    expect(connection.room.getState().cues.size).toBe(2);
    last().end(1006);
    await vi.advanceTimersByTimeAsync(600);
    last().open();
    expect(last().messages[0]).toMatchObject({ resume: { epoch: "e2", offset: 3 } });
  });
  test("offsets may be left out, and messages to one viewer have none", () => {
    const { connection } = connect();
    last().welcome({ epoch: "e1", offset: 40 });
    last().say(tally(1), 41);
    last().say(tally(7), 60);
    last().say(tally(8));
    expect(connection.room.getState().tallies.get("c1")?.ver).toBe(8);
  });
  test("a server without a log is never asked to resume", async () => {
    connect();
    last().welcome();
    last().end(1006);
    await vi.advanceTimersByTimeAsync(300);
    last().open();
    expect(last().messages[0]).not.toHaveProperty("resume");
  });
  test("the receipts of a welcome that resumes are all there are", async () => {
    const { connection } = connect();
    last().welcome({ epoch: "e1", offset: 1, cues: [cue] });
    last().end(1006);
    await vi.advanceTimersByTimeAsync(300);
    const receipt = { cue: "c1", choice: [1], seq: 9, at_us: 1, level: "log" };
    last().welcome({ epoch: "e1", offset: 1, resumed: true, receipts: [receipt] });
    expect(connection.room.getState().receipts.get("c1")?.seq).toBe(9);
    expect(connection.room.getState().cues.has("c1")).toBe(true);
  });
});

describe("CN9 waking up", () => {
  test("ends the wait, but no sooner than a bye asked", async () => {
    const { connection } = connect();
    last().welcome();
    last().say({ t: "bye", code: 4000, reason: "", reconnect: true, after_ms: millis(3000) });
    last().end(4000);
    await vi.advanceTimersByTimeAsync(1000);
    connection.wake("network");
    connection.wake("page");
    await vi.advanceTimersByTimeAsync(1999);
    expect(ends.all).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(ends.all).toHaveLength(2);
  });
  test.each(["page", "network"] as const)(
    "by the %s, a socket that is dead is replaced within 2 s",
    async (why) => {
      const { connection } = connect();
      last().welcome({ epoch: "e1", offset: 7 });
      await vi.advanceTimersByTimeAsync(30_000);
      last().alive = false;
      connection.wake(why);
      await vi.advanceTimersByTimeAsync(1990);
      expect(ends.all).toHaveLength(1);
      await vi.advanceTimersByTimeAsync(20);
      expect(ends.all).toHaveLength(2);
      last().open();
      expect(last().messages[0]).toMatchObject({ resume: { epoch: "e1", offset: 7 } });
    },
  );
  test("what was on its way already shows nothing", async () => {
    const { connection } = connect();
    last().welcome();
    await vi.advanceTimersByTimeAsync(30_000);
    last().alive = false;
    connection.wake("network");
    await vi.advanceTimersByTimeAsync(300);
    last().say(tally(1));
    await vi.advanceTimersByTimeAsync(1710);
    expect(ends.all).toHaveLength(2);
  });
  test("a device that slept finds out by itself", async () => {
    connect();
    last().welcome();
    await vi.advanceTimersByTimeAsync(30_000);
    last().alive = false;
    vi.setSystemTime(Date.now() + 3_600_000);
    await vi.advanceTimersByTimeAsync(3100);
    expect(ends.all).toHaveLength(2);
  });
  test("a socket that lives stays, in the quiet around an opening too", async () => {
    const { connection } = connect();
    last().welcome();
    await vi.advanceTimersByTimeAsync(2000);
    last().say({ t: "cue", cue: openCue() });
    connection.wake("network");
    await vi.advanceTimersByTimeAsync(5000);
    expect(ends.all).toHaveLength(1);
    last().alive = false;
    await vi.advanceTimersByTimeAsync(10);
    connection.wake("network");
    await vi.advanceTimersByTimeAsync(2010);
    expect(ends.all).toHaveLength(2);
  });
  test("an attempt that another network has left behind begins anew", async () => {
    const { connection } = connect();
    await vi.advanceTimersByTimeAsync(1100);
    connection.wake("page");
    await settle();
    expect(ends.all).toHaveLength(1);
    connection.wake("network");
    await settle();
    expect(ends.all, "it is older than a second").toHaveLength(2);
  });
  test("a young attempt does after 2 s in which it did not get on", async () => {
    const { connection } = connect();
    connection.wake("network");
    await vi.advanceTimersByTimeAsync(1990);
    expect(ends.all).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(20);
    expect(ends.all).toHaveLength(2);
    connection.wake("network");
    last().welcome();
    await vi.advanceTimersByTimeAsync(5000);
    expect(ends.all).toHaveLength(2);
  });
});

describe("CD1 how messages are written", () => {
  const msgpack = async () => (await import("../src/core/msgpack.ts")).msgpackCodec;

  test("JSON, unless the page asks for more", async () => {
    connect();
    expect(last().offered).toEqual([SUBPROTOCOL]);
    last().open(SUBPROTOCOL);
    expect(last().messages[0]?.t).toBe("hello");
  });
  test("MessagePack if asked for, and JSON if the server prefers that", async () => {
    const { connection } = connect({ codec: "msgpack" });
    await vi.waitFor(() => expect(ends.all).toHaveLength(1));
    expect(last().offered).toEqual([MSGPACK_SUBPROTOCOL, SUBPROTOCOL]);
    last().open(MSGPACK_SUBPROTOCOL);
    last().welcome({ epoch: "e1", offset: 3 });
    last().say(cueMessage("c1"), 4);
    await vi.advanceTimersByTimeAsync(500);
    connection.answer(cue, [1], localNow());
    expect(last().messages.map((m) => m.t)).toEqual(["hello", "answer"]);
    expect(connection.room.getState().cues.has("c1")).toBe(true);
    expect(connection.clock.synced(localNow())).toBe(true);
    expect(connection.room.getState().link).toMatchObject({ via: { codec: "msgpack" } });
    last().end(1006);
    await vi.advanceTimersByTimeAsync(300);
    last().open(SUBPROTOCOL);
    last().welcome({ epoch: "e1", offset: 4, resumed: true });
    expect(last().messages[0]).toMatchObject({ resume: { offset: 4 } });
    expect(connection.room.getState().link).toMatchObject({ via: { codec: "json" } });
  });
  test("what cannot be loaded is done without", async () => {
    const { LocalLine } = await import("../src/core/index.ts");
    const target = { url: "ws://server/ws/v1", channel: "show", role: "viewer", codec: "msgpack" } as const;
    const line = new LocalLine({
      ...target,
      open: ends.open,
      msgpack: () => Promise.reject(new Error("404")),
    });
    const { connection } = connect({ line, warn: (message) => expect(message).toContain("MessagePack") });
    await settle();
    last().welcome();
    expect(last().offered).toEqual([jsonCodec.subprotocol]);
    expect(connection.room.getState().link.is).toBe("open");
    expect(await msgpack()).toMatchObject({ subprotocol: MSGPACK_SUBPROTOCOL });
  });
});

describe("DR1 coming in", () => {
  test("a one-time link goes with hello until somebody is let in", async () => {
    connect({ link: "L1" });
    last().open();
    last().end(1006);
    await vi.advanceTimersByTimeAsync(300);
    last().welcome({ grade: "link" });
    const codes = ends.all.map((end) => (end.messages[0] as { link?: string }).link);
    expect(codes).toEqual([expect.stringMatching(/^L1\.[0-9a-f]{24}$/), codes[0]]);
    last().end(1006);
    await vi.advanceTimersByTimeAsync(600);
    last().open();
    expect(last().messages[0]).toMatchObject({ token: "t1" });
    expect(last().messages[0]).not.toHaveProperty("link");
  });
  test("the link stays when the server does not know the token", async () => {
    const tokens = { read: () => "old", write: () => undefined };
    connect({ link: "L1", tokens });
    last().open();
    last().end(4103);
    await settle();
    last().open();
    expect(last().messages[0]).toEqual({
      ...{ t: "hello", v: 1, channel: "show", role: "viewer" },
      link: expect.stringMatching(/^L1\./),
    });
  });
  test("where a PIN is wanted the connection waits for it, as often as it takes", async () => {
    const { connection } = connect();
    for (const pin of ["1111", "2222"]) {
      last().open();
      last().end(4108);
      await vi.advanceTimersByTimeAsync(60_000);
      expect(connection.room.getState().link).toMatchObject({ is: "refused", code: 4108 });
      connection.enter(pin);
      await settle();
      last().open();
      expect(last().messages[0]).toMatchObject({ t: "hello", pin });
    }
    last().welcome({ grade: "pin" });
    expect(connection.room.getState()).toMatchObject({ link: { is: "open" }, grade: "pin" });
    last().end(1006);
    await vi.advanceTimersByTimeAsync(300);
    last().open();
    expect(last().messages[0]).not.toHaveProperty("pin");
  });
  test("who gives up waiting is free", async () => {
    const { done } = connect();
    last().open();
    last().end(4108);
    await settle();
    ends.stop.abort();
    await done;
    expect(vi.getTimerCount()).toBe(0);
  });
});
