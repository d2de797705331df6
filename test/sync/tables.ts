/**
 * The figures of a run as Markdown tables, ready to be pasted into the
 * documentation.
 *
 * @module
 */
import { frameRows, mappingErrors } from "./frames.ts";
import { type Goal, goalsOf, honesty } from "./goals.ts";
import {
  byDateRange,
  byMessage,
  byOnePing,
  byProduct,
  byWallClock,
  type Means,
  type OpeningRow,
  onScreen,
  openingRows,
  reach,
  type SpreadRow,
  spreads,
  undisturbed,
} from "./openings.ts";
import type { VirtualRecord } from "./record.ts";
import { bootstrap, type Interval, moments, quantile, summary } from "./stats.ts";
import type { PlayerView, RunView } from "./view.ts";

const ms = (n: number, digits = 1): string => {
  if (!Number.isFinite(n)) return "–";
  return Math.abs(n) >= 10_000 ? `${(n / 1000).toFixed(0)} s` : n.toFixed(digits);
};
const signed = (n: number): string => (Number.isFinite(n) && n > 0 ? `+${ms(n)}` : ms(n));
const share = (n: number): string => (Number.isFinite(n) ? `${(n * 100).toFixed(2)} %` : "–");
const interval = ([low, high]: Interval): string => `${ms(low)}–${ms(high)}`;

/** A Markdown table; numbers to the right. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const rule = head.map((_, i) => (i === 0 ? "---" : "---:"));
  return [head, rule, ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

/** G1–G10, or as many as there are. */
export function goalTable(goals: readonly Goal[]): string {
  const said = (met: boolean | undefined): string =>
    met === undefined ? "not in this run" : met ? "met" : "**not met**";
  return [
    "| goal | what | aim | figure | |",
    "| --- | --- | ---: | ---: | --- |",
    ...goals.map(
      ({ id, what, goal, figure, met }) => `| ${id} | ${what} | ${goal} | ${figure} | ${said(met)} |`,
    ),
  ].join("\n");
}

const HEAD = ["", "cues", "p50", "95 % sure", "p95", "95 % sure", "p99", "max"];

function spreadRow(name: string, rows: readonly SpreadRow[]): string[] {
  const values = rows.map(({ spread }) => spread);
  const { n, p50, p95, p99, max } = summary(values);
  return [
    name,
    `${n}`,
    ms(p50),
    interval(bootstrap(values, 0.5)),
    ms(p95),
    interval(bootstrap(values, 0.95)),
    ms(p99),
    ms(max),
  ];
}

/** Spread of openings, all cues and undisturbed ones. */
export function spreadTable(run: RunView): string {
  const even = run.product.filter(({ plan }) => plan.network.symmetric);
  const groups: [string, readonly PlayerView[]][] = [
    [`symmetric networks (${even.length} players)`, even],
    [`all ${run.product.length} players`, run.product],
  ];
  return table(
    HEAD,
    groups.flatMap(([name, players]) => {
      const rows = spreads(openingRows(run, players, byProduct));
      return [
        spreadRow(`${name}, undisturbed`, undisturbed(rows, players.length)),
        spreadRow(`${name}, all cues`, rows),
      ];
    }),
  );
}

/** The same cues by other means. */
export function baselineTable(run: RunView): string {
  const means: [string, readonly PlayerView[], Means][] = [
    ["**on the room clock** (Cuelight)", run.product, byProduct],
    ["when the message comes", run.product, onScreen(byMessage)],
    ["by `Date.now()`, put right by one exchange", run.product, onScreen(byOnePing(run))],
    ["by `Date.now()`", run.product, onScreen(byWallClock(run))],
    ["on the DATERANGE cue, stock hls.js", run.stock, onScreen(byDateRange)],
  ];
  return table(
    HEAD,
    means.map(([name, players, by]) => {
      const rows = spreads(openingRows(run, players, by));
      return spreadRow(name, undisturbed(rows, players.length));
    }),
  );
}

/** Each player: its network, its clocks, its bias. */
export function playerTable(run: RunView): string {
  const rows = openingRows(run, run.product, byProduct);
  return table(
    [
      "player",
      "network",
      "wall clock",
      "drift",
      "opening − O, mean",
      "sd",
      "in time",
      "clock error p95",
      "honest",
      "rate changes/min",
      "seeks",
      "waits",
    ],
    run.product.map((player) =>
      playerRow(
        player,
        rows.filter((row) => row.player === player.plan.id),
      ),
    ),
  );
}

function playerRow(player: PlayerView, rows: readonly OpeningRow[]): string[] {
  const { plan, beliefs, happened } = player;
  const good = rows.filter((row) => !row.disturbed);
  const { mean, sd } = moments(good.flatMap(({ off }) => off ?? []));
  const errors = beliefs
    .filter(({ at }) => at > player.came + 15_000_000)
    .flatMap(({ error }) => (error === undefined ? [] : Math.abs(error)));
  const minutes = ((beliefs.at(-1)?.at ?? 0) - player.came) / 60e6;
  const count = (what: string): number => happened.filter((h) => h.what === what).length;
  const browser = plan.browser === "firefox" ? ", Firefox" : "";
  return [
    `${plan.id}${browser}${plan.video ? "" : ", no video"}`,
    plan.network.name,
    signed(plan.clocks.wall),
    `${plan.clocks.ppm} ppm`,
    signed(mean),
    ms(sd),
    share(reach(good)),
    ms(quantile(errors, 0.95)),
    share(honesty([player])),
    (count("ratechange") / minutes).toFixed(1),
    `${count("seeking")}`,
    `${count("waiting")}`,
  ];
}

/** Spread of pictures: ours and the stock player's. */
export function frameTable(run: RunView): string {
  const even = run.product.filter(({ plan }) => plan.network.symmetric);
  const groups: [string, readonly PlayerView[]][] = [
    ["Cuelight, symmetric networks", even],
    ["Cuelight, all players", run.product],
    ["stock hls.js, all players", run.stock],
  ];
  const within = (values: readonly number[], limit: number): string =>
    share(values.filter((v) => v <= limit).length / values.length);
  return table(
    ["", "looks", "p50", "p95", "max", "≤ 33 ms", "≤ 50 ms", "≤ 100 ms"],
    groups.flatMap(([name, players]) => {
      const rows = frameRows(run, players);
      const kinds: [string, typeof rows][] = [
        [`${name}, settled`, rows.filter((row) => !row.disturbed)],
        [`${name}, all the time`, rows],
      ];
      return kinds.map(([kind, some]) => {
        const values = some.map(({ spread }) => spread);
        const { n, p50, p95, max } = summary(values);
        return [
          kind,
          `${n}`,
          ms(p50),
          ms(p95),
          ms(max),
          within(values, 33),
          within(values, 50),
          within(values, 100),
        ];
      });
    }),
  );
}

/** Whether pages agree about the date of a frame. */
export function mappingLine(run: RunView): string {
  const { n, p95, max } = summary(mappingErrors(run.product));
  const stale = run.product.flatMap(({ happened }) => happened.filter(({ what }) => what === "stale")).length;
  const looks = run.product.flatMap(({ frames }) => frames).length;
  return `${n} frames were seen by several pages; their dates of the same frame differ by ${ms(p95, 3)} ms (p95), ${ms(max, 3)} ms at most. ${share(stale / (stale + looks))} of the looks came too late to tell which frame they saw, and are left out.`;
}

/** What virtual viewers saw; undefined without them. */
export function virtualTable(run: RunView): string | undefined {
  const cues = run.record.virtual?.cues;
  if (cues === undefined) return undefined;
  type Pick = (cue: VirtualRecord["cues"][number]) => number;
  const worst = (pick: Pick): string => ms(Math.max(...cues.map(pick)));
  const counts = (pick: Pick): string[] =>
    [quantile(cues.map(pick), 0.5), Math.min(...cues.map(pick))].map(String);
  const usual = (pick: Pick): string => ms(quantile(cues.map(pick), 0.5));
  return table(
    ["per cue", "usual", "worst"],
    [
      ["windows opened", ...counts(({ opened }) => opened)],
      ["opening − O, p50, ms", usual(({ p50 }) => p50), worst(({ p50 }) => p50)],
      ["opening − O, p95, ms", usual(({ p95 }) => p95), worst(({ p95 }) => p95)],
      ["opening − O, max, ms", usual(({ max }) => max), worst(({ max }) => max)],
      ["answers receipted", ...counts(({ receipts }) => receipts)],
      ["in the busiest second", ...counts(({ peak }) => peak)],
    ],
  );
}

/** The figures of a run as data. */
export function figuresOf(run: RunView): object {
  const rows = openingRows(run, run.product, byProduct);
  const all = spreads(rows);
  return {
    goals: goalsOf(run),
    openings: {
      all: summary(all.map(({ spread }) => spread)),
      undisturbed: summary(undisturbed(all, run.product.length).map(({ spread }) => spread)),
    },
    frames: {
      all: summary(frameRows(run, run.product).map(({ spread }) => spread)),
      settled: summary(
        frameRows(run, run.product)
          .filter((row) => !row.disturbed)
          .map(({ spread }) => spread),
      ),
      stock: summary(
        frameRows(run, run.stock)
          .filter((row) => !row.disturbed)
          .map(({ spread }) => spread),
      ),
    },
    reach: reach(rows),
    players: run.product.map((player) => {
      const own = rows.filter((row) => row.player === player.plan.id && !row.disturbed);
      return {
        id: player.plan.id,
        network: player.plan.network.name,
        ...moments(own.flatMap(({ off }) => off ?? [])),
      };
    }),
    machine: run.record.machine,
  };
}
