import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { type Cue, type Micros, micros, millis, Stage } from "../src/core/index.ts";
import { answerable, type OverlayHints, overlayView } from "../src/elements/overlay-view.ts";
import type { Opening } from "../src/player/opening.ts";
import { cueAt, FRAME, roomAt, type Stand, type StandOptions, stand as standOn, type text } from "./stand.ts";

let stop: AbortController;
const stand = (options: StandOptions = {}): Stand => standOn(stop.signal, options);

const say = (s: Stand, cue: Cue): void => s.room.dispatch({ t: "cue", cue });
const pass = (ms: number): Promise<unknown> => vi.advanceTimersByTimeAsync(ms);

/** How far from O the only window opened, in ms; undefined if none did. */
const away = ({ openings }: Stand): number | undefined => {
  expect(openings.length).toBeLessThanOrEqual(1);
  const [opening] = openings;
  return opening === undefined ? undefined : (opening.at_us - opening.o_us) / 1000;
};
const nearO = (s: Stand): void =>
  expect(Math.abs(away(s) ?? Number.NaN)).toBeLessThanOrEqual(FRAME / 2 + 0.01);
const why = ({ openings }: Stand): Opening["why"] => openings[0]?.why;

/** What the overlay shows. */
const stage = new Map<Stand, Stage>();
const view = (s: Stand, hints: OverlayHints = {}) => {
  const mine = stage.get(s) ?? new Stage();
  stage.set(s, mine);
  const staged = mine.at(s.room.getState(), s.clock.at(millis(performance.now())) ?? micros(0), (cue) =>
    s.opener.standing(cue),
  );
  return staged === undefined ? undefined : overlayView(s.room.getState(), staged, s.clock, hints);
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

describe("the client's side of every case", () => {
  test("joins before O: normal", async () => {
    const s = stand();
    say(s, cueAt(3000));
    await pass(4000);
    nearO(s);
    expect(s.openings[0]).not.toHaveProperty("late");
    expect(s.openings[0]).not.toHaveProperty("why");
  });

  test("joins in [O, C − 3 s): opens at once with the remaining time, late", async () => {
    const s = stand();
    await pass(19_000);
    say(s, cueAt(3000, { state: "open" })); // C at 23 s
    await pass(60);
    expect(s.openings).toMatchObject([{ late: true, why: "late" }]);
    expect(view(s)?.phase).toBe("open");
    expect(view(s)?.closesAt).toBe(23_000);
  });

  test("joins after C − 3 s: shows closed, and gets the result", async () => {
    const s = stand();
    await pass(20_500);
    say(s, cueAt(3000, { state: "open" }));
    await pass(100);
    expect(s.reports).toEqual([]);
    const shut = view(s);
    expect(shut?.phase).toBe("closing");
    expect(shut !== undefined && answerable(shut)).toBe(false);
    await pass(3000);
    say(s, cueAt(3000, { rev: 3, state: "revealed" }));
    expect(view(s)?.phase).toBe("revealed");
  });

  test("and opens after all if the window is extended", async () => {
    const s = stand();
    await pass(20_500);
    say(s, cueAt(3000, { state: "open" }));
    await pass(100);
    say(s, cueAt(3000, { rev: 3, state: "open", c_us: roomAt(40_000) }));
    await pass(60);
    expect(s.openings).toMatchObject([{ late: true }]);
  });

  test("reconnects in a window: the snapshot changes nothing that is open, and nothing opens twice", async () => {
    const s = stand();
    say(s, cueAt(3000));
    await pass(5000);
    s.room.dispatch({ t: "link", link: { is: "waiting", reason: "", retryAt: 0 } });
    await pass(1000);
    s.room.dispatch({
      t: "welcome",
      v: 1,
      channel: "show",
      title: "",
      role: "viewer",
      participant: "p9",
      clock_epoch: 7,
      now_us: roomAt(6000),
      cues: [cueAt(3000, { state: "open" })],
      tallies: [],
      receipts: [{ cue: "c1", choice: [1], seq: 4, at_us: roomAt(4000), level: "log" }],
    });
    await pass(1000);
    expect(s.openings).toHaveLength(1);
    expect(view(s)).toMatchObject({ phase: "open", answer: { is: "counted", choice: 1 } });
  });

  test("the socket is down at κ, and the key comes by HTTP in time: opens at O", async () => {
    const s = stand();
    const { text: words, ...armed } = cueAt(3000, { state: "armed" });
    say(s, armed);
    await pass(2800);
    say(s, { ...armed, text: words as typeof text });
    await pass(1000);
    nearO(s);
  });

  test("or not: opens with the key, says so", async () => {
    const s = stand();
    const { text: words, ...armed } = cueAt(3000, { state: "armed" });
    say(s, armed);
    await pass(4000);
    expect(s.openings).toEqual([]);
    say(s, { ...armed, text: words as typeof text });
    await pass(60);
    expect(why(s)).toBe("key");
  });

  test("the clock is not synced at O: 400 ms after the key, flagged", async () => {
    const s = stand({ clock: "guess" });
    say(s, cueAt(3000));
    await pass(600);
    expect(why(s)).toBe("clock");
    expect((s.shown.get("c1") ?? 0) + FRAME).toBeGreaterThan(400 - FRAME);
  });

  test("the player is up to 1 s behind: opens at O", async () => {
    const s = stand();
    say(s, cueAt(3000));
    await pass(4000);
    nearO(s);
    expect(view(s)?.behind).toBe(false);
  });

  test("the player is more than 1 s behind: opens at O, with a badge", async () => {
    const s = stand({ picture: () => "behind" });
    say(s, cueAt(3000));
    await pass(4000);
    nearO(s);
    expect(why(s)).toBe("behind");
    expect(view(s, { behind: true })?.behind).toBe(true);
  });

  test("the player is paused by the viewer: the overlay opens, flagged", async () => {
    const s = stand({ picture: () => "paused" });
    say(s, cueAt(3000));
    await pass(4000);
    nearO(s);
    expect(why(s)).toBe("paused");
  });

  test("behind by choice: no window, only the result, at the own picture", async () => {
    const own = roomAt(33_000); // T is on this screen 30 s after O
    const s = stand({ archive: () => true, screenInstant: () => own });
    say(s, cueAt(3000, { media: 9000 as never }));
    await pass(25_000);
    say(s, cueAt(3000, { rev: 3, state: "revealed", media: 9000 as never }));
    expect(s.shown.size).toBe(0);
    expect(view(s)).toBeUndefined();
    await pass(8100);
    expect(s.reports).toEqual([]);
    expect(view(s)?.phase).toBe("revealed");
  });

  test("the tab is hidden: opens logically, is shown with the remaining time on return", async () => {
    const s = stand();
    say(s, cueAt(3000));
    await pass(1000);
    s.screen.turn("hidden");
    await pass(9000);
    s.screen.turn("visible");
    await pass(60);
    expect(s.openings).toMatchObject([{ late: true, why: "hidden" }]);
    expect(view(s)?.closesAt).toBe(23_000);
  });

  test("the device slept through O: the clock is measured again, and the window shown with what is left", async () => {
    const s = stand();
    say(s, cueAt(3000));
    await pass(1000);
    s.screen.turn("hidden");
    s.clock.reset();
    await pass(7000);
    const now = millis(performance.now());
    s.clock.add({ sentAt: now, receivedAt: now, received: roomAt(now), replied: roomAt(now) }, 7, now);
    s.screen.turn("visible");
    await pass(60);
    expect(s.openings).toMatchObject([{ why: "hidden" }]);
    expect(view(s)?.closesAt).toBe(23_000);
  });

  test("the client's wall clock steps: O does not move", async () => {
    const s = stand();
    say(s, cueAt(3000));
    await pass(1500);
    vi.setSystemTime(Date.now() - 7_200_000);
    await pass(2000);
    nearO(s);
  });

  test("a seek, a stall or a discontinuity of the picture at O: the overlay does not go by it", async () => {
    const s = stand({ screenInstant: () => undefined });
    say(s, cueAt(3000));
    await pass(4000);
    nearO(s);
  });

  test("L changes before arming: O of the next revision holds", async () => {
    const s = stand();
    say(s, cueAt(3000, { state: "scheduled" }));
    await pass(500);
    say(s, cueAt(3500, { rev: 3, state: "armed" }));
    await pass(2700);
    expect(s.openings).toEqual([]);
    await pass(1000);
    nearO(s);
  });

  test("two cues overlap in different places: each opens at its own O", async () => {
    const s = stand();
    say(s, cueAt(3000));
    say(s, cueAt(4000, { id: "c2", slot: "side" }));
    await pass(5000);
    expect(s.openings.map((o) => o.cue)).toEqual(["c1", "c2"]);
    const state = s.room.getState();
    const open = (): "open" => "open";
    expect(new Stage().at(state, roomAt(4500), open)?.cue.id).toBe("c1");
    expect(new Stage("side").at(state, roomAt(4500), open)?.cue.id).toBe("c2");
    expect(new Stage("top").at(state, roomAt(4500), open)).toBeUndefined();
  });

  test("void while open: the overlay goes", async () => {
    const s = stand();
    say(s, cueAt(3000));
    await pass(4000);
    say(s, cueAt(3000, { rev: 3, state: "void" }));
    expect(view(s)).toBeUndefined();
  });
});

describe("OP4 a playhead cue opens with its own frame, not before O, not after O + max_lag", () => {
  const T = 270_000 as never;
  const at = (screen: number | undefined, more: Partial<Cue> = {}): [StandOptions, Cue] => [
    { screenInstant: (): Micros | undefined => (screen === undefined ? undefined : roomAt(screen)) },
    cueAt(3000, { policy: "playhead", media: T, max_lag_ms: millis(1000), ...more }),
  ];
  test.each([
    ["in step", 3004, 4],
    ["0.6 s late", 3600, 600],
    ["early", 2500, 0],
    ["5 s late", 8000, 1000],
    ["with no picture", undefined, 1000],
  ])("%s", async (_, screen, expected) => {
    const [options, cue] = at(screen);
    const s = stand(options);
    say(s, cue);
    await pass(6000);
    expect(Math.abs((away(s) ?? Number.NaN) - expected)).toBeLessThanOrEqual(FRAME / 2 + 0.01);
  });
  test("without a media time it hangs on the clock", async () => {
    const { media: _, ...cue } = at(9000)[1];
    const s = stand(at(9000)[0]);
    say(s, cue);
    await pass(4000);
    nearO(s);
  });
});

describe("PA1 paused by the host", () => {
  const paused = (more: Partial<Cue> = {}): Cue =>
    cueAt(3000, { rev: 3, state: "paused", pause_us: roomAt(8000), remaining_ms: millis(15_000), ...more });

  test("it stands from p on, with what is left, and nobody can answer", async () => {
    const s = stand();
    say(s, cueAt(3000));
    await pass(7000);
    say(s, paused());
    expect(view(s)).toMatchObject({ phase: "open", closesAt: 23_000 });
    await pass(1100);
    const v = view(s);
    expect(v).toMatchObject({ phase: "paused", left: 15_000, closesAt: undefined });
    expect(v !== undefined && answerable(v)).toBe(false);
    await pass(60_000); // long after the C that was planned
    expect(view(s)?.phase).toBe("paused");
  });
  test("and goes on at the resume, to C = resume + what was left", async () => {
    const s = stand();
    say(s, cueAt(3000));
    await pass(9000);
    say(s, paused());
    await pass(1000);
    say(s, paused({ rev: 4, state: "open", resume_us: roomAt(12_000), c_us: roomAt(27_000) }));
    expect(view(s)?.phase).toBe("paused");
    await pass(2100);
    expect(view(s)).toMatchObject({ phase: "open", closesAt: 27_000 });
  });
  test("who joins meanwhile sees it", async () => {
    const s = stand();
    await pass(10_000);
    say(s, paused());
    await pass(60);
    expect(s.openings).toMatchObject([{ late: true }]);
    expect(view(s)?.phase).toBe("paused");
  });
});

describe("CL1 the closing is told once, and again after an extension", () => {
  const closings = (s: Stand) => s.reports.filter((r) => r.t === "closed");

  test("at C on this screen", async () => {
    const s = stand();
    say(s, cueAt(3000));
    await pass(25_000);
    expect(closings(s)).toHaveLength(1);
    expect(closings(s)[0]?.at_us).toBeGreaterThanOrEqual(roomAt(23_000));
    expect((closings(s)[0]?.at_us ?? 0) - roomAt(23_000)).toBeLessThan(3000);
  });
  test("not by a pause", async () => {
    const s = stand();
    say(s, cueAt(3000));
    await pass(7000);
    const pause = { rev: 3, state: "paused", pause_us: roomAt(8000), remaining_ms: millis(15_000) } as const;
    say(s, cueAt(3000, pause));
    await pass(60_000);
    expect(closings(s)).toEqual([]);
  });
  test("again once it was extended", async () => {
    const s = stand();
    say(s, cueAt(3000));
    await pass(23_500);
    say(s, cueAt(3000, { rev: 3, state: "open", c_us: roomAt(30_000) }));
    await pass(10_000);
    expect(closings(s).map((c) => c.rev)).toEqual([2, 3]);
  });
  test("by a void cue, too", async () => {
    const s = stand();
    say(s, cueAt(3000));
    await pass(5000);
    say(s, cueAt(3000, { rev: 3, state: "void" }));
    expect(closings(s)).toHaveLength(1);
  });
  test("by who never opened it, never", async () => {
    const s = stand();
    const { text: _, ...sealed } = cueAt(3000, { state: "armed" });
    say(s, sealed);
    await pass(30_000);
    expect(s.reports).toEqual([]);
  });
});

describe("OP5 a page that is busy at O", () => {
  /** No display frame reaches the page from 2.9 s to 3.4 s. */
  const busy = async (driven: boolean): Promise<Stand> => {
    const s = stand({ driven: () => driven });
    say(s, cueAt(3000));
    await pass(2900);
    s.screen.stall(500);
    await pass(2000);
    return s;
  };
  test("has shown what the browser drives, in its frame", async () => {
    nearO(await busy(true));
  });
  test("and has not shown anything else before it was free again", async () => {
    expect(away(await busy(false))).toBeGreaterThan(390);
  });
  test("the browser is told of the frame that is nearest to O; of what the own picture decides, of none", async () => {
    const s = stand();
    say(s, cueAt(3000));
    await pass(1000);
    const cue = s.room.getState().cues.get("c1") as Cue;
    expect(s.opener.startsAt(cue)).toBeCloseTo(3000 - 1.5 * FRAME, 3);
    expect(s.opener.startsAt({ ...cue, policy: "playhead" })).toBeUndefined();
  });
});
