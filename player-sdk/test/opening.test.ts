import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Opening } from "../src/player/opening.ts";
import {
  AHEAD,
  cueAt,
  FRAME,
  roomAt,
  type Stand,
  type StandOptions,
  sealed,
  stand as standOn,
} from "./stand.ts";

let stop: AbortController;
const stand = (options: StandOptions = {}): Stand => standOn(stop.signal, options);

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance", "Date"] });
  stop = new AbortController();
});

afterEach(() => {
  stop.abort();
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

describe("OP1 a window opens in the display frame nearest to O", () => {
  test.each([0, 3, 7, 11, 15])("screen %d ms out of phase", async (phase) => {
    const s = stand({ phase });
    s.room.dispatch({ t: "cue", cue: sealed(3000) });
    await vi.advanceTimersByTimeAsync(2700);
    s.room.dispatch({ t: "cue", cue: cueAt(3000) });
    await vi.advanceTimersByTimeAsync(1000);
    expect(s.openings).toHaveLength(1);
    const { at_us, o_us } = s.openings[0] as Opening;
    expect(Math.abs(at_us - o_us)).toBeLessThanOrEqual((FRAME / 2) * 1000 + 1);
    const visibleAt = (s.shown.get("c1") ?? 0) + FRAME;
    expect(Math.abs(at_us - roomAt(visibleAt))).toBeLessThan(1100); // timers are whole ms here
  });

  test("not because a message came: neither at arming, nor with the text, nor with the state open", async () => {
    const s = stand();
    s.room.dispatch({ t: "cue", cue: cueAt(3000, { state: "armed" }) });
    s.room.dispatch({ t: "cue", cue: cueAt(3000, { state: "open" }) });
    await vi.advanceTimersByTimeAsync(2900);
    expect(s.shown.size).toBe(0);
    await vi.advanceTimersByTimeAsync(150);
    expect(s.shown.size).toBe(1);
  });

  test("a window that is moved opens at its new time, once", async () => {
    const s = stand();
    s.room.dispatch({ t: "cue", cue: cueAt(3000) });
    await vi.advanceTimersByTimeAsync(2000);
    s.room.dispatch({ t: "cue", cue: cueAt(5000, { rev: 3 }) });
    await vi.advanceTimersByTimeAsync(2900);
    expect(s.shown.size).toBe(0);
    await vi.advanceTimersByTimeAsync(5000);
    s.room.dispatch({ t: "cue", cue: cueAt(5000, { rev: 4, state: "open" }) });
    await vi.advanceTimersByTimeAsync(1000);
    expect(s.openings.map((o) => o.rev)).toEqual([3]);
  });

  test("a cancelled one never opens", async () => {
    const s = stand();
    s.room.dispatch({ t: "cue", cue: cueAt(3000) });
    await vi.advanceTimersByTimeAsync(2960);
    s.room.dispatch({ t: "cue", cue: cueAt(3000, { rev: 3, state: "cancelled" }) });
    await vi.advanceTimersByTimeAsync(5000);
    expect(s.shown.size).toBe(0);
  });

  test("who joins inside the window sees it at once and is late", async () => {
    const s = stand();
    await vi.advanceTimersByTimeAsync(5000);
    s.room.dispatch({ t: "cue", cue: cueAt(3000, { state: "open" }) });
    await vi.advanceTimersByTimeAsync(40);
    expect(s.openings).toMatchObject([{ late: true }]);
  });

  test("in a hidden tab it opens on return, and late", async () => {
    const s = stand();
    s.room.dispatch({ t: "cue", cue: cueAt(3000) });
    await vi.advanceTimersByTimeAsync(1000);
    s.screen.turn("hidden");
    await vi.advanceTimersByTimeAsync(9000);
    expect(s.shown.size).toBe(0);
    s.screen.turn("visible");
    await vi.advanceTimersByTimeAsync(40);
    expect(s.openings).toMatchObject([{ late: true }]);
  });
});

describe("OP2 without a usable clock, or without text", () => {
  test("it opens 400 ms after the text came", async () => {
    const s = stand({ clock: "guess" });
    s.room.dispatch({ t: "cue", cue: sealed(9000) });
    await vi.advanceTimersByTimeAsync(1000);
    s.room.dispatch({ t: "cue", cue: cueAt(9000) });
    await vi.advanceTimersByTimeAsync(500);
    expect(Math.abs((s.shown.get("c1") ?? 0) + FRAME - 1400)).toBeLessThan(FRAME);
  });
  test("a text that comes after O opens it then, and it is not late", async () => {
    const s = stand();
    s.room.dispatch({ t: "cue", cue: sealed(3000) });
    await vi.advanceTimersByTimeAsync(3200);
    expect(s.shown.size).toBe(0);
    s.room.dispatch({ t: "cue", cue: cueAt(3000, { state: "open" }) });
    await vi.advanceTimersByTimeAsync(40);
    expect(s.openings).toHaveLength(1);
    expect(s.openings[0]).not.toHaveProperty("late");
  });
});

test("OP3 the report has instant, picture, dispersion and class", async () => {
  const s = stand();
  s.room.dispatch({ t: "cue", cue: cueAt(3000) });
  await vi.advanceTimersByTimeAsync(4000);
  expect(s.reports).toEqual([
    {
      t: "opened",
      cue: "c1",
      rev: 2,
      at_us: expect.any(Number),
      frame_us: AHEAD - 3_000_000,
      disp_us: 1800,
      class: "in",
    },
  ]);
});
