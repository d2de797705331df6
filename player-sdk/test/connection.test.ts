import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import {
  backoff,
  type ClientMessage,
  type ConnectionOptions,
  encodePong,
  localNow,
  micros,
  millis,
  type OpenedMessage,
  type ServerMessage,
} from "../src/core/index.ts";
import { AHEAD, cue, Ends, type FarEnd } from "./far-end.ts";

let ends: Ends;

const connect = (options: Partial<ConnectionOptions> = {}) => ends.connect(options);
const last = (): FarEnd => ends.last;

beforeEach(() => {
  ends = new Ends();
});

afterEach(() => ends.done());

describe("CN1 hello and welcome", () => {
  test("hello names channel and role; welcome opens the link and keeps the token", () => {
    const tokens = new Map<string, string>();
    const { connection } = connect({
      tokens: {
        read: (c) => tokens.get(c),
        write: (c, t) => void (t === undefined ? tokens.delete(c) : tokens.set(c, t)),
      },
    });
    expect(connection.room.getState().link).toEqual({ is: "connecting", attempt: 0 });
    last().welcome();
    expect(last().messages).toEqual([{ t: "hello", v: 1, channel: "show", role: "viewer" }]);
    expect(connection.room.getState().link).toEqual({
      is: "open",
      via: { transport: "socket", codec: "json" },
    });
    expect(tokens.get("show")).toBe("t1");
  });
  test("the clock is synced from the pongs within half a second", async () => {
    const { connection } = connect();
    last().welcome();
    expect(connection.clock.synced(localNow())).toBe(false);
    await vi.advanceTimersByTimeAsync(500);
    expect(last().pings).toBe(8);
    expect(connection.clock.synced(localNow())).toBe(true);
    expect(Math.abs((connection.now() ?? 0) - (localNow() * 1000 + AHEAD))).toBeLessThan(2);
  });
  test("a server that never says welcome is left", async () => {
    const { connection } = connect();
    last().open();
    await vi.advanceTimersByTimeAsync(11_500);
    expect(connection.room.getState().link.is).not.toBe("open");
    await vi.advanceTimersByTimeAsync(1000);
    expect(ends.all).toHaveLength(2);
  });
  test("a message that is not understood harms nothing", () => {
    const warnings: string[] = [];
    const { connection } = connect({ warn: (message) => warnings.push(message) });
    last().welcome();
    last().onmessage?.call(last() as never, new MessageEvent("message", { data: '{"t":"shrug"}' }));
    expect(warnings).toHaveLength(1);
    expect(connection.room.getState().link.is).toBe("open");
  });
});

describe("CN2 coming back", () => {
  test("backoff is full jitter under a bound that doubles", () => {
    expect([0, 1, 2, 5, 20].map((n) => backoff(n, 0.999999) | 0)).toEqual([499, 999, 1999, 14_999, 14_999]);
    expect(backoff(5, 0)).toBe(0);
    expect(backoff(0, 0.5, millis(500))).toBe(750);
  });
  test("a lost socket is replaced, after the wait that the link names", async () => {
    const { connection } = connect();
    last().welcome();
    last().end(1006);
    await vi.advanceTimersByTimeAsync(0);
    const { link } = connection.room.getState();
    if (link.is !== "waiting") throw new Error(link.is);
    expect(link.retryAt - localNow()).toBe(250);
    await vi.advanceTimersByTimeAsync(249);
    expect(ends.all).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(ends.all).toHaveLength(2);
    expect(connection.room.getState().link).toEqual({ is: "connecting", attempt: 1 });
  });
  test("waits grow with failures and start over after a connection that lasted", async () => {
    connect();
    const waits: number[] = [];
    for (let i = 0; i < 4; i++) {
      if (i === 3) {
        last().welcome();
        await vi.advanceTimersByTimeAsync(11_000);
      }
      const before = ends.all.length;
      const at = localNow();
      last().end(1006);
      while (ends.all.length === before) await vi.advanceTimersByTimeAsync(50);
      waits.push(localNow() - at);
    }
    expect(waits).toEqual([250, 500, 1000, 250]);
  });
  test("bye says when", async () => {
    connect();
    last().welcome();
    last().say({
      t: "bye",
      code: 4000,
      reason: "server is restarting",
      reconnect: true,
      after_ms: millis(3000),
    });
    last().end(4000);
    await vi.advanceTimersByTimeAsync(3249);
    expect(ends.all).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(ends.all).toHaveLength(2);
  });
  test("what a bye says is a sentence on the screen", async () => {
    const { connection } = connect();
    last().welcome();
    last().say({ t: "bye", code: 4000, reason: "server is restarting", reconnect: true });
    last().end(4000);
    await vi.advanceTimersByTimeAsync(0);
    expect(connection.room.getState().link).toMatchObject({ reason: "Server is restarting." });
  });
  test("waking up ends the wait", async () => {
    const { connection } = connect();
    last().end(1006);
    await vi.advanceTimersByTimeAsync(10);
    connection.wake();
    await vi.advanceTimersByTimeAsync(0);
    expect(ends.all).toHaveLength(2);
  });
  test.each([4100, 4101, 4102, 4103, 4104, 4106, 4107, 4109])("close code %d is for good", async (code) => {
    const { connection, done } = connect();
    last().open();
    last().end(code);
    await done;
    expect(connection.room.getState().link).toMatchObject({ is: "refused", code });
    await vi.advanceTimersByTimeAsync(60_000);
    expect(ends.all).toHaveLength(1);
  });
  test("a viewer whose identity is refused comes back as a new one, once", async () => {
    let token: string | undefined = "stale";
    const { connection, done } = connect({
      tokens: {
        read: () => token,
        write: (_, t) => {
          token = t;
        },
      },
    });
    last().open();
    last().end(4103);
    await vi.advanceTimersByTimeAsync(0);
    expect(ends.all).toHaveLength(2);
    last().open();
    expect(last().messages[0]).toEqual({ t: "hello", v: 1, channel: "show", role: "viewer" });
    token = "again";
    last().end(4103);
    await done;
    expect(connection.room.getState().link).toMatchObject({ is: "refused", code: 4103 });
  });
  test("a socket that went silent is replaced", async () => {
    connect();
    last().welcome();
    await vi.advanceTimersByTimeAsync(100_000);
    expect(ends.all).toHaveLength(1);
    last().alive = false;
    await vi.advanceTimersByTimeAsync(62_000);
    expect(ends.all).toHaveLength(2);
  });
  test("abort ends it, and no timer stays", async () => {
    const { connection, done } = connect();
    last().welcome();
    connection.answer(cue, [1], localNow());
    await vi.advanceTimersByTimeAsync(500);
    ends.stop.abort();
    await done;
    expect(connection.room.getState().link).toEqual({ is: "idle" });
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe("CN3 an answer is sent until it is settled", () => {
  const receipt = (id: string): ServerMessage => ({
    t: "receipt",
    id,
    cue: "c1",
    choice: [1],
    seq: 3,
    at_us: micros(AHEAD),
    level: "log",
  });
  const refusal = (id: string, code: string): ServerMessage => ({
    t: "refused",
    id,
    cue: "c1",
    code,
    message: "No.",
  });
  const idOf = (message: ClientMessage | undefined): string => (message as { id: string }).id;

  test("with the tap's time on R, an identity that fits and the same text again", async () => {
    const { connection } = connect();
    last().welcome();
    await vi.advanceTimersByTimeAsync(500);
    const tappedAt = localNow();
    await vi.advanceTimersByTimeAsync(30);
    connection.answer(cue, [1], tappedAt);
    await vi.advanceTimersByTimeAsync(18_000);
    const [first, ...again] = last().answers;
    expect(first).toMatchObject({ cue: "c1", rev: 2, choice: [1] });
    const at = (first as { at_us: number }).at_us;
    expect(Math.abs(at - (tappedAt * 1000 + AHEAD))).toBeLessThan(2);
    expect(idOf(first).length).toBeLessThanOrEqual(32);
    expect(again).toEqual([first, first]);
    expect(connection.room.getState().sending.get("c1")?.id).toBe(idOf(first));
    last().say(receipt(idOf(first)));
    expect(connection.room.getState().sending.size).toBe(0);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(last().answers).toHaveLength(3);
  });
  test("without a clock it has no time", () => {
    const { connection } = connect();
    last().welcome();
    connection.answer(cue, [0], localNow());
    expect(last().answers[0]).not.toHaveProperty("at_us");
  });
  test("a second tap while it is being sent sends nothing else", () => {
    const { connection } = connect();
    last().welcome();
    connection.answer(cue, [0], localNow());
    connection.answer(cue, [1], localNow());
    expect(last().answers).toHaveLength(1);
  });
  test("it goes out again, unchanged, on the next socket", async () => {
    const { connection } = connect();
    last().welcome();
    connection.answer(cue, [1], localNow());
    const sent = last().answers[0];
    last().end(1006);
    await vi.advanceTimersByTimeAsync(300);
    last().welcome();
    expect(last().answers).toEqual([sent]);
  });
  test("a passing refusal is not shown and tried again with the same id, a final one ends it", async () => {
    const { connection } = connect();
    last().welcome();
    connection.answer(cue, [1], localNow());
    const id = idOf(last().answers[0]);
    last().say(refusal(id, "busy"));
    expect(connection.room.getState().refusals.size).toBe(0);
    await vi.advanceTimersByTimeAsync(600);
    expect(last().answers.map(idOf)).toEqual([id, id]);
    last().say(refusal(id, "late"));
    expect(connection.room.getState().refusals.get("c1")?.code).toBe("late");
    await vi.advanceTimersByTimeAsync(60_000);
    expect(last().answers).toHaveLength(2);
  });
  test("a refusal that never passes is shown after five retries", async () => {
    const { connection } = connect();
    last().welcome();
    connection.answer(cue, [1], localNow());
    for (let i = 0; i < 6; i++) {
      last().say(refusal(idOf(last().answers[0]), "unavailable"));
      await vi.advanceTimersByTimeAsync(8500);
    }
    expect(connection.room.getState().refusals.get("c1")?.code).toBe("unavailable");
  });
});

describe("CN4 the clock and openings", () => {
  const armed = (openIn: number): ServerMessage => ({
    t: "cue",
    cue: {
      ...cue,
      state: "armed",
      o_us: micros(Math.round((localNow() + openIn) * 1000) + AHEAD),
      c_us: micros(Math.round((localNow() + openIn + 20_000) * 1000) + AHEAD),
    },
  });
  test("no ping competes with answers from O − 1 s to O + 3 s", async () => {
    connect();
    last().welcome();
    await vi.advanceTimersByTimeAsync(3000);
    last().say(armed(3000));
    await vi.advanceTimersByTimeAsync(1900);
    const before = last().pings;
    await vi.advanceTimersByTimeAsync(4000);
    expect(last().pings).toBe(before);
    await vi.advanceTimersByTimeAsync(2200);
    expect(last().pings).toBeGreaterThan(before);
  });
  test("a wall clock that is set is noticed, and R is not moved by it", async () => {
    const { connection } = connect();
    const changes: string[] = [];
    connection.onClock((change) => changes.push(change), { signal: ends.stop.signal });
    last().welcome();
    await vi.advanceTimersByTimeAsync(20_000);
    const before = last().pings;
    vi.setSystemTime(Date.now() + 90_000);
    await vi.advanceTimersByTimeAsync(1200);
    expect(changes).toContain("reset");
    expect(last().pings - before).toBeGreaterThanOrEqual(4);
    expect(Math.abs((connection.now() ?? 0) - (localNow() * 1000 + AHEAD))).toBeLessThan(2);
  });
  test("a pong that was not asked for is no sample", async () => {
    const { connection } = connect();
    last().alive = false;
    last().welcome();
    const frame = encodePong({
      seq: 1,
      sentAt: millis(-5),
      received: micros(AHEAD),
      replied: micros(AHEAD),
      clockEpoch: 7,
    });
    last().onmessage?.call(last() as never, new MessageEvent("message", { data: frame }));
    expect(connection.clock.dispersion(localNow())).toBe(Number.POSITIVE_INFINITY);
  });
});

describe("CN5 what the server has measured of the line goes with the next hello", () => {
  test("the last token of this visit", async () => {
    connect();
    last().welcome();
    last().say({ t: "grace", token: "g1", until_us: micros(AHEAD) });
    last().say({ t: "grace", token: "g2", until_us: micros(AHEAD) });
    last().end(1006);
    await vi.advanceTimersByTimeAsync(300);
    last().open();
    expect(last().messages[0]).toMatchObject({ t: "hello", grace: "g2" });
  });
});

describe("CN6 reports", () => {
  const opened = (id: string): OpenedMessage => ({
    t: "opened",
    cue: id,
    rev: 2,
    at_us: micros(AHEAD),
    disp_us: micros(900),
    class: "in",
  });
  test("of openings and closings wait for the next socket, in their order", async () => {
    const { connection } = connect();
    last().welcome();
    last().end(1006);
    await vi.advanceTimersByTimeAsync(10);
    expect(connection.report(opened("c1"))).toBe(true);
    expect(connection.report({ t: "closed", cue: "c1", rev: 2, at_us: micros(AHEAD) })).toBe(true);
    await vi.advanceTimersByTimeAsync(300);
    last().welcome();
    expect(last().messages.map((m) => m.t)).toEqual(["hello", "opened", "closed"]);
  });
  test("at most 32 of them", () => {
    const { connection } = connect();
    const kept = Array.from({ length: 40 }, (_, i) => connection.report(opened(`c${i}`)));
    expect(kept.filter(Boolean)).toHaveLength(32);
    last().welcome();
    expect(last().messages.filter((m) => m.t === "opened")).toHaveLength(32);
  });
  test("of how the viewer is, do not", () => {
    const { connection } = connect();
    const status = {
      synced: true,
      disp_us: micros(1),
      rtt_us: micros(1),
      class: "in",
      visible: true,
    } as const;
    expect(connection.report({ t: "status", ...status })).toBe(false);
  });
});

describe("CN7 what the playlist carries counts only without a socket", () => {
  const carried = { cue: { ...cue, rev: 5, state: "armed" }, keys: undefined, at: undefined } as const;
  test("with one, it says nothing", () => {
    const { connection } = connect();
    last().welcome();
    connection.carried(carried);
    expect(connection.room.getState().cues.size).toBe(0);
  });
  test("without one, a revision that is not known holds, and the server's own word over it", async () => {
    const { connection } = connect();
    connection.carried(carried);
    connection.carried({ ...carried, cue: { ...carried.cue, kind: "trivia" } });
    expect(connection.room.getState().cues.get("c1")).toMatchObject({ rev: 5, kind: "poll" });
    last().welcome({ cues: [{ ...cue, rev: 5 }] });
    expect(connection.room.getState().cues.get("c1")?.state).toBe("open");
  });
});
