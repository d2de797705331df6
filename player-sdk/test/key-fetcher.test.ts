import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { type Cue, KeyFetcher, localNow, type Micros, micros, millis, RoomStore } from "../src/core/index.ts";
import { sealed } from "./sealing.ts";

const AHEAD = 1_795_410_000_000_000;
const text = { title: "Tea or coffee?", options: ["Tea", "Coffee"] };
const roomAt = (local: number): Micros => micros(Math.round(local * 1000) + AHEAD);

interface Stand {
  readonly room: RoomStore;
  /** Device time of each try. */
  readonly tries: number[];
  readonly urls: string[];
  /** From when on the server gives the key out. */
  givesAt: number;
}

let stop: AbortController;

async function stand(
  options: { opens?: number; window?: number; link?: "open" | "lost" } = {},
): Promise<Stand> {
  const { opens = 3000, window = 10_000, link = "lost" } = options;
  const { seal, key } = await sealed(text, { channel: "my show", cue: "c1", rev: 2 });
  const cue: Cue = {
    id: "c1",
    rev: 2,
    kind: "poll",
    policy: "wall",
    state: "armed",
    o_us: roomAt(localNow() + opens),
    c_us: roomAt(localNow() + opens + window),
    window_ms: millis(window),
    choices: 2,
    results: "live",
    seal,
  };
  const room = new RoomStore("my show");
  const out: Stand = { room, tries: [], urls: [], givesAt: 0 };
  const startedAt = localNow();
  room.dispatch({ t: "cue", cue });
  room.dispatch({ t: "link", link: link === "open" ? { is: "open" } : { is: "connecting", attempt: 1 } });
  new KeyFetcher({
    room,
    now: () => roomAt(localNow()),
    server: "https://live.example/ws/v1",
    random: () => 0.5,
    fetch: async (url) => {
      out.tries.push(localNow() - startedAt);
      out.urls.push(url);
      const ok = localNow() - startedAt >= out.givesAt;
      return { ok, json: async () => ({ kid: seal.kid, key }) };
    },
  }).run({ signal: stop.signal });
  return out;
}

const shown = ({ room }: Stand) => room.getState().cues.get("c1")?.text;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance", "Date"] });
  stop = new AbortController();
});

afterEach(() => {
  stop.abort();
  vi.useRealTimers();
});

describe("KF1 a client whose socket is down at O − κ asks HTTP for the key", () => {
  test("within 100 ms of it, and has the text", async () => {
    const s = await stand();
    await vi.advanceTimersByTimeAsync(2699);
    expect(s.tries).toEqual([]);
    await vi.advanceTimersByTimeAsync(101);
    expect(s.tries).toHaveLength(1);
    expect(s.urls[0]).toMatch(/^https:\/\/live\.example\/api\/v1\/channels\/my%20show\/keys\/[\w-]{22}$/);
    expect(shown(s)).toEqual(text);
  });
  test("again every 300 ms while the window is open, and no longer", async () => {
    const s = await stand({ window: 1000 });
    s.givesAt = Number.POSITIVE_INFINITY;
    await vi.advanceTimersByTimeAsync(20_000);
    const gaps = s.tries.slice(1).map((at, i) => at - (s.tries[i] ?? 0));
    expect(gaps.length).toBeGreaterThanOrEqual(3);
    for (const gap of gaps) expect(gap).toBeCloseTo(300, -1);
    expect(s.tries.at(-1)).toBeLessThanOrEqual(4100);
    expect(vi.getTimerCount()).toBe(0);
  });
  test("until it has it", async () => {
    const s = await stand();
    s.givesAt = 3500;
    await vi.advanceTimersByTimeAsync(9000);
    expect(shown(s)).toEqual(text);
    expect(s.tries.at(-1)).toBeLessThan(3900);
  });
  test("with a socket, only if that has brought none by O + 150 ms", async () => {
    const s = await stand({ link: "open" });
    await vi.advanceTimersByTimeAsync(3150);
    expect(s.tries).toEqual([]);
    await vi.advanceTimersByTimeAsync(200);
    expect(s.tries).toHaveLength(1);
  });
  test("when the socket goes at the last moment, at once", async () => {
    const s = await stand({ link: "open" });
    await vi.advanceTimersByTimeAsync(2900);
    s.room.dispatch({ t: "link", link: { is: "waiting", reason: "", retryAt: 0 } });
    await vi.advanceTimersByTimeAsync(100);
    expect(s.tries).toHaveLength(1);
  });
  test("a cue that is cancelled is not asked for", async () => {
    const s = await stand();
    const cue = s.room.getState().cues.get("c1") as Cue;
    s.room.dispatch({ t: "cue", cue: { ...cue, rev: 3, state: "cancelled" } });
    await vi.advanceTimersByTimeAsync(20_000);
    expect(s.tries).toEqual([]);
  });
  test("an answer that is not the server's changes nothing", async () => {
    const s = await stand();
    const cue = s.room.getState().cues.get("c1") as Cue;
    s.room.dispatch({ t: "key", cue: "c1", rev: 2, kid: cue.seal?.kid ?? "", key: "AAAA" });
    expect(shown(s)).toBeUndefined();
    await vi.advanceTimersByTimeAsync(4000);
    expect(shown(s)).toEqual(text);
  });
});
