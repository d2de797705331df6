import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import {
  type Connection,
  type Cue,
  localNow,
  type Micros,
  micros,
  millis,
  type OpenedMessage,
  RoomClock,
  RoomStore,
} from "../src/core/index.ts";
import { Opener, type Opening } from "../src/player/opening.ts";

const AHEAD = 1_795_410_000_000_000; // µs that R is ahead of the device's clock
const FRAME = 1000 / 60;
const roomAt = (local: number): Micros => micros(Math.round(local * 1000) + AHEAD);

/** A page: its visibility, and display frames on a grid as a 60 Hz screen has them. */
class FakeScreen extends EventTarget {
  visibilityState = "visible";
  #waiting: FrameRequestCallback[] = [];

  constructor(phase: number) {
    super();
    const next = (i: number): void => {
      const at = phase + i * FRAME;
      setTimeout(() => {
        this.#show(at);
        next(i + 1);
      }, at - performance.now());
    };
    next(0);
  }

  request(callback: FrameRequestCallback): number {
    this.#waiting.push(callback);
    return this.#waiting.length;
  }

  cancel(): void {
    this.#waiting = [];
  }

  #show(at: number): void {
    if (this.visibilityState === "hidden") return;
    const due = this.#waiting;
    this.#waiting = [];
    for (const callback of due) callback(at);
  }

  turn(visibility: "visible" | "hidden"): void {
    this.visibilityState = visibility;
    this.dispatchEvent(new Event("visibilitychange"));
  }
}

interface Stand {
  readonly room: RoomStore;
  readonly clock: RoomClock;
  readonly screen: FakeScreen;
  readonly opener: Opener;
  /** Device time at which each cue was made visible. */
  readonly shown: Map<string, number>;
  readonly openings: Opening[];
  readonly reports: OpenedMessage[];
}

let stop: AbortController;

function stand(options: { phase?: number; clock?: "good" | "guess" } = {}): Stand {
  const screen = new FakeScreen(options.phase ?? 0);
  vi.stubGlobal("document", screen);
  vi.stubGlobal("requestAnimationFrame", (callback: FrameRequestCallback) => screen.request(callback));
  vi.stubGlobal("cancelAnimationFrame", () => screen.cancel());
  const clock = new RoomClock();
  clock.guess(roomAt(localNow()), localNow());
  if (options.clock !== "guess") {
    const now = localNow();
    const sample = { sentAt: now, receivedAt: now, received: roomAt(now), replied: roomAt(now) };
    clock.add(sample, 7, now);
  }
  const room = new RoomStore();
  const shown = new Map<string, number>();
  const openings: Opening[] = [];
  const reports: OpenedMessage[] = [];
  const connection = {
    room,
    clock,
    now: () => clock.at(localNow()),
    onClock: () => undefined,
    dispersion: () => micros(1800),
    report: (message: OpenedMessage) => reports.push(message) > 0,
  } as unknown as Connection;
  const opener = new Opener({
    connection,
    show: (cue) => shown.set(cue.id, performance.now()),
    shownInstant: () => micros(AHEAD - 3_000_000),
    class: () => "in",
    opened: (opening) => openings.push(opening),
  });
  opener.run({ signal: stop.signal });
  return { room, clock, screen, opener, shown, openings, reports };
}

const text = { title: "Tea or coffee?", options: ["Tea", "Coffee"] };
const cueAt = (opens: number, more: Partial<Cue> = {}): Cue => ({
  id: "c1",
  rev: 2,
  kind: "poll",
  policy: "wall",
  state: "keyed",
  o_us: roomAt(opens),
  c_us: roomAt(opens + 20_000),
  window_ms: millis(20_000),
  choices: 2,
  results: "live",
  text,
  ...more,
});
const sealed = (opens: number): Cue => {
  const { text: _, ...cue } = cueAt(opens, { state: "armed" });
  return cue;
};

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
