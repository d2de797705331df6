/**
 * The goals, with what a run has to say to each.
 *
 * @module
 */
import { dateErrors, frameRows, overlayAgainstFrame, settledAfter } from "./frames.ts";
import { byProduct, openingRows, reach, spreads, undisturbed } from "./openings.ts";
import { quantile } from "./stats.ts";
import { cuesOf, disturbed, type PlayerView, type RunView } from "./view.ts";

/** One goal. */
export interface Goal {
  readonly id: string;
  readonly what: string;
  readonly goal: string;
  /** What was measured; empty if this run did not. */
  readonly figure: string;
  readonly met: boolean | undefined;
}

/** Figures and their bounds, in ms unless it says otherwise. */
function judge(
  figures: readonly number[],
  bounds: readonly number[],
  digits = 1,
): Pick<Goal, "figure" | "met"> {
  if (figures.some(Number.isNaN)) return { figure: "", met: undefined };
  return {
    figure: figures.map((n) => (n === Number.POSITIVE_INFINITY ? "never" : n.toFixed(digits))).join(" / "),
    met: figures.every((n, i) => n <= (bounds[i] ?? Number.POSITIVE_INFINITY)),
  };
}

const triple = (values: readonly number[]): number[] => [0.5, 0.95, 1].map((q) => quantile(values, q));

/** Every goal, as far as a run has something to say to it, judged on undisturbed cues. */
export function goalsOf(run: RunView): Goal[] {
  const even = run.product.filter(({ plan }) => plan.network.symmetric);
  return [
    {
      id: "G1",
      what: `windows, ${even.length} players on symmetric networks: spread p50 / p95 / max, ms`,
      goal: "≤ 20 / 35 / 50",
      ...judge(triple(undisturbedSpreads(run, even)), [20, 35, 50]),
    },
    {
      id: "G2",
      what: `the same, all ${run.product.length} players`,
      goal: "≤ 25 / 45 / 60",
      ...judge(triple(undisturbedSpreads(run, run.product)), [25, 45, 60]),
    },
    {
      id: "G3",
      what: "pictures: spread p50 / p95 / max, settled, symmetric networks, ms",
      goal: "≤ 33 / 50 / 100",
      ...judge(triple(settledFrames(run, even)), [33, 50, 100]),
    },
    overlays(run),
    ...clocks(run),
    {
      id: "G6",
      what: "dates of frames against their instants, p95, ms; this run's encoder has a true clock, see `make timeline-report`",
      goal: "≤ 3",
      ...judge([quantile(dateErrors(run, run.product), 0.95)], [3]),
    },
    {
      id: "G7",
      what: "from opening the page to within 50 ms, p95, s",
      goal: "≤ 5",
      ...judge([quantile(joins(run), 0.95) / 1000], [5]),
    },
    afterStall(run),
    reached(run),
    virtual(run),
    {
      id: "G11",
      what: "the same reaction over round trips of 2 to 400 ms, credited apart, ms; `go test ./test/sync -run Credit`",
      goal: "≤ 50",
      figure: "",
      met: undefined,
    },
  ];
}

function undisturbedSpreads(run: RunView, players: readonly PlayerView[]): number[] {
  const rows = spreads(openingRows(run, players, byProduct));
  return undisturbed(rows, players.length).map(({ spread }) => spread);
}

function settledFrames(run: RunView, players: readonly PlayerView[]): number[] {
  return frameRows(run, players)
    .filter((row) => !row.disturbed)
    .map(({ spread }) => spread);
}

function overlays(run: RunView): Goal {
  const offs = run.product.flatMap((player) =>
    overlayAgainstFrame(run, player)
      .filter(({ at }) => !disturbed(run.record, player.plan.id, at))
      .map(({ off }) => Math.abs(off)),
  );
  return {
    id: "G4",
    what: "window against the picture under it on one player, p95, ms",
    goal: "≤ 50",
    ...judge([quantile(offs, 0.95)], [50]),
  };
}

/** Bound of the clock error by network. */
const CLOCK_GOALS: Readonly<Record<string, number>> = { LAN: 1, "Wi-Fi": 5, LTE: 10 };

function clocks(run: RunView): Goal[] {
  const names = Object.keys(CLOCK_GOALS);
  const figures = names.map((name) => quantile(clockErrors(run, name), 0.95));
  const known = names.filter((_, i) => Number.isFinite(figures[i]));
  const honest = honesty(run.product);
  return [
    {
      id: "G5",
      what: `clock error p95: ${known.join(" / ")}, ms`,
      goal: `≤ ${known.map((name) => CLOCK_GOALS[name]).join(" / ")}`,
      ...judge(
        figures.filter(Number.isFinite),
        known.map((name) => CLOCK_GOALS[name] ?? 0),
      ),
    },
    {
      id: "G5",
      what: "share of readings within the dispersion that the page tells, %",
      goal: "≥ 99",
      figure: Number.isFinite(honest) ? (honest * 100).toFixed(2) : "",
      met: Number.isFinite(honest) ? honest >= 0.99 : undefined,
    },
  ];
}

function clockErrors(run: RunView, network: string): number[] {
  return run.product
    .filter(({ plan }) => plan.network.name === network)
    .flatMap(({ beliefs, came }) =>
      beliefs
        .filter(({ at }) => at > came + 15_000_000)
        .flatMap(({ error }) => Math.abs(error ?? Number.NaN)),
    )
    .filter((error) => !Number.isNaN(error));
}

/** The share of readings whose error was within the bound that the page told at that moment. */
export function honesty(players: readonly PlayerView[]): number {
  const told = players.flatMap(({ beliefs, bound }) =>
    beliefs.flatMap(({ error, dispersion }) =>
      error === undefined || dispersion === undefined ? [] : Math.abs(error) <= dispersion + bound,
    ),
  );
  return told.filter(Boolean).length / told.length;
}

function joins(run: RunView): number[] {
  return run.product
    .filter(({ plan }) => plan.video)
    .map((player) => settledAfter(run, player, player.came) ?? Number.POSITIVE_INFINITY);
}

function afterStall(run: RunView): Goal {
  const stalls = run.record.disturbances.filter(({ what }) => what === "stall");
  const took = stalls.map(({ player, to }) => {
    const who = run.product.find(({ plan }) => plan.id === player);
    return (who === undefined ? undefined : settledAfter(run, who, to)) ?? Number.NaN;
  });
  const seeks = stalls.map((stall) =>
    seeksInWindows(run, stall.player ?? "", stall.from, stall.to + 30_000_000),
  );
  const { figure, met } = judge([quantile(took, 0.95) / 1000], [15]);
  const inside = seeks.reduce((a, b) => a + b, 0);
  return {
    id: "G8",
    what: "from the end of a 4 s stall to within 50 ms, s; seeks inside a window",
    goal: "≤ 15; 0",
    figure: figure === "" ? "" : `${figure}; ${inside}`,
    met: met === undefined ? undefined : met && inside === 0,
  };
}

function seeksInWindows(run: RunView, id: string, from: number, to: number): number {
  const player = run.product.find(({ plan }) => plan.id === id);
  const windows = cuesOf(run.record, "product").map(
    ({ o, c }) => [run.room.hostAt(o), run.room.hostAt(c)] as const,
  );
  return (player?.happened ?? []).filter(
    ({ what, at }) =>
      what === "seeking" && at >= from && at <= to && windows.some(([o, c]) => at >= o && at < c),
  ).length;
}

function reached(run: RunView): Goal {
  const rows = openingRows(run, run.product, byProduct);
  const share = reach(rows.filter((row) => !row.disturbed)) * 100;
  const all = reach(rows) * 100;
  return {
    id: "G9",
    what: "windows open within 100 ms of O among connected and visible, undisturbed (all), %",
    goal: "≥ 99.5",
    figure: Number.isFinite(share) ? `${share.toFixed(2)} (${all.toFixed(2)})` : "",
    met: Number.isFinite(share) ? share >= 99.5 : undefined,
  };
}

function virtual(run: RunView): Goal {
  const views = run.record.virtual;
  const figures = views === undefined ? [] : undisturbedSpreads(run, run.product);
  return {
    id: "G10",
    what: `spread of browsers' windows, p95, while ${views?.viewers ?? "virtual"} viewers answer, ms`,
    goal: "≤ 50",
    ...judge([quantile(figures, 0.95)], [50]),
  };
}
