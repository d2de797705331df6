/** The judge judged: records whose figures are known. */
import { expect, test } from "vitest";
import { frameRows, settledAfter } from "./frames.ts";
import { byMessage, byProduct, onScreen, openingRows, reach, spreads, undisturbed } from "./openings.ts";
import type { Drained } from "./page/probe.ts";
import { CLOCKS, NETWORKS } from "./profiles.ts";
import type { PlayerRecord, RunRecord } from "./record.ts";
import { viewOf } from "./view.ts";

const SECOND = 1e6;
const O = 100 * SECOND; // host µs
const ROOM = 1.8e15; // R − host, µs
const REFRESH = 1000 / 60;

/** A player whose page was opened at 10 s and whose window was visible `off` ms after O. */
function player(id: string, off: number | undefined, late: readonly number[] = []): PlayerRecord {
  const zero = 10 * SECOND;
  const page = (host: number): number => (host - zero) / 1000;
  const log: Drained = {
    calibrations: [
      { page: 0, host: zero, bound: 0.1 },
      { page: 200_000, host: zero + 200 * SECOND, bound: 0.1 },
    ],
    opened: off === undefined ? [] : [{ cue: "c1", frame: page(O) + off - REFRESH, coarse: false }],
    shown: late.map((ms, i) => {
      const sent = (50 + i * 0.2) * SECOND;
      return { n: i, at: page(sent) + 3000 + ms, p: sent + ROOM };
    }),
    beliefs: [],
    happened: [],
    arrived: [],
    onePing: null,
  };
  return {
    plan: {
      id,
      network: NETWORKS.lan,
      clocks: CLOCKS[0] ?? { wall: 0, ppm: 0 },
      browser: "chromium",
      video: true,
      comesAt: 0,
    },
    opened: { product: zero },
    errors: [],
    logs: { product: log },
  };
}

const record = (players: readonly PlayerRecord[], over: Partial<RunRecord> = {}): RunRecord => ({
  began: "",
  latencyMs: 3000,
  windowMs: 3000,
  players,
  cues: [{ id: "c1", o: O + ROOM, c: O + ROOM + 3 * SECOND, phase: "product" }],
  room: [{ host: 0, room: ROOM, rtt: 100, epoch: 1 }],
  frames: Array.from({ length: 20 }, (_, i) => [i, (50 + i * 0.2) * SECOND] as const),
  disturbances: [],
  machine: { cores: 2, model: "", kernel: "", chromium: "", namespaces: true, load: [], busy: 0, steal: 0 },
  ...over,
});

const rowsOf = (run: RunRecord) => {
  const view = viewOf(run);
  return openingRows(view, view.product, byProduct);
};

test("the spread of a cue is from its first to its last window", () => {
  const rows = rowsOf(record([player("p1", -7), player("p2", 12), player("p3", 3)]));
  expect(rows.map(({ off }) => off)).toEqual([
    expect.closeTo(-7, 3),
    expect.closeTo(12, 3),
    expect.closeTo(3, 3),
  ]);
  expect(spreads(rows)).toMatchObject([
    { spread: expect.closeTo(19, 3), players: 3, missing: 0, disturbed: false },
  ]);
});

test("a window that never opened is missing, and out of reach", () => {
  const rows = rowsOf(record([player("p1", 0), player("p2", 5), player("p3", undefined)]));
  expect(spreads(rows)).toMatchObject([{ players: 2, missing: 1 }]);
  expect(undisturbed(spreads(rows), 3)).toEqual([]);
  expect(reach(rows)).toBeCloseTo(2 / 3);
});

test("a window that opens 101 ms off is out of reach", () => {
  expect(reach(rowsOf(record([player("p1", 0), player("p2", 101)])))).toBe(0.5);
});

test("who is disturbed, or was a moment ago, disturbs the cue; who is hidden does not count", () => {
  const both = [player("p1", 0), player("p2", 400)];
  const stalled = (from: number, to: number) =>
    spreads(rowsOf(record(both, { disturbances: [{ what: "stall", player: "p2", from, to }] })));
  expect(stalled(O - 10 * SECOND, O - 6 * SECOND)).toMatchObject([{ disturbed: true }]);
  expect(stalled(O - 40 * SECOND, O - 36 * SECOND)).toMatchObject([{ disturbed: false }]);
  const hidden = record(both, {
    disturbances: [{ what: "hidden", player: "p2", from: O - SECOND, to: O + SECOND }],
  });
  expect(rowsOf(hidden).map(({ player }) => player)).toEqual(["p1"]);
});

test("pictures are as far apart as they are late, whatever the timeline says", () => {
  const steady = (ms: number): number[] => Array.from({ length: 20 }, () => ms);
  const view = viewOf(record([player("p1", 0, steady(4)), player("p2", 0, steady(-9))]));
  const rows = frameRows(view, view.product);
  expect(rows.length).toBeGreaterThan(10);
  for (const { spread } of rows) expect(spread).toBeCloseTo(13, 3);
});

test("a player has settled once it is within 50 ms for a second", () => {
  const late = Array.from({ length: 20 }, (_, i) => (i < 4 || i === 6 ? 90 : 10));
  const view = viewOf(record([player("p1", 0, late)]));
  const [only] = view.product;
  if (only === undefined) throw new Error("the player is gone");
  const from = 53 * SECOND; // when frame 0 was due
  expect(settledAfter(view, only, from)).toBeCloseTo(7 * 200 + 10, 0);
});

test("what a message opens is seen with the frame after it, one refresh later", () => {
  const told = player("p1", undefined);
  const page = (host: number): number => (host - 10 * SECOND) / 1000;
  // Its frames are at multiples of a refresh from the window of another cue on.
  told.logs.product?.opened.push({ cue: "c0", frame: page(O - SECOND) - REFRESH, coarse: false });
  told.logs.product?.arrived.push({ cue: "c1", what: "open", at: page(O) + 1 });
  const view = viewOf(record([told, player("p2", 0)]));
  const [first] = openingRows(view, view.product, onScreen(byMessage));
  // A second is 60 refreshes, so a frame is at O, the next 16.7 ms later, and it is on the screen at 33.3 ms.
  expect(first?.off).toBeCloseTo(2 * REFRESH, 3);
});
