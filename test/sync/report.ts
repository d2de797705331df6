/**
 * The report of a run: Markdown, plots, raw CSV, figures as JSON.
 *
 * @module
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Appearance, auditTable } from "./audit.ts";
import { frameError, frameRows } from "./frames.ts";
import { goalsOf } from "./goals.ts";
import {
  byDateRange,
  byMessage,
  byProduct,
  onScreen,
  openingRows,
  spreads,
  undisturbed,
} from "./openings.ts";
import type { RunRecord } from "./record.ts";
import { quantile } from "./stats.ts";
import { draw, type Plot, type Series } from "./svg.ts";
import {
  baselineTable,
  figuresOf,
  frameTable,
  goalTable,
  mappingLine,
  playerTable,
  spreadTable,
  virtualTable,
} from "./tables.ts";
import { disturbed, type PlayerView, type RunView, viewOf } from "./view.ts";

/** Writes everything into `folder`. Returns the tables that matter most, as text. */
export function writeReport(folder: string, record: RunRecord): string {
  mkdirSync(folder, { recursive: true });
  const run = viewOf(record);
  const keep = (name: string, text: string): void => writeFileSync(join(folder, name), text);
  for (const [name, text] of Object.entries(rawOf(run))) keep(`${name}.csv`, text);
  for (const [name, plot] of Object.entries(plotsOf(run))) keep(`${name}.svg`, draw(plot));
  keep("summary.json", `${JSON.stringify(figuresOf(run), null, 2)}\n`);
  keep("report.md", markdown(run));
  return `${goalTable(goalsOf(run))}\n\n${spreadTable(run)}\n\n${baselineTable(run)}\n\n${frameTable(run)}\n${record.films === undefined ? "" : `\n${filmTable(run, record.films)}\n`}`;
}

function markdown(run: RunView): string {
  const { record } = run;
  const crowd = virtualTable(run);
  const parts = [
    "# Synchronisation, measured",
    conditions(run),
    "## Goals",
    "Judged on undisturbed cues: nothing was being done to any player within the last 15 s.",
    goalTable(goalsOf(run)),
    "## Windows",
    "Spread of a cue: from the first to the last screen on which its window is visible, in ms. Intervals by bootstrap.",
    spreadTable(run),
    "![openings](openings.svg)",
    "## Other means, in the same browsers",
    "Undisturbed cues.",
    baselineTable(run),
    "![other means](spreads.svg)",
    "## Players",
    playerTable(run),
    "![clock error](clocks.svg)",
    "## Pictures",
    "Spread of the frame code on all screens, looked at five times a second, in ms.",
    frameTable(run),
    mappingLine(run),
    "![frames](frames.svg)",
    ...(crowd === undefined ? [] : ["## Virtual viewers", crowd]),
    ...(record.films === undefined
      ? []
      : ["## The probe against a film of the page", filmTable(run, record.films)]),
    "## What was done",
    ...record.disturbances.map((d) => `- ${describe(run, d)}`),
    "## Errors that pages told",
    ...record.players.map(
      ({ plan, errors }) => `- ${plan.id}: ${errors.length === 0 ? "none" : [...new Set(errors)].join("; ")}`,
    ),
  ];
  return `${parts.join("\n\n").replaceAll("\n\n- ", "\n- ")}\n`;
}

function filmTable(run: RunView, films: readonly Appearance[]): string {
  return auditTable(films, run.product[0]?.opened ?? new Map());
}

function describe(run: RunView, { what, player, from, to }: RunRecord["disturbances"][number]): string {
  const since = (at: number): string => ((at - (run.product[0]?.came ?? at)) / 1e6).toFixed(1);
  return `${what}${player === undefined ? "" : ` of ${player}`}, ${since(from)} s to ${since(to)} s`;
}

function conditions(run: RunView): string {
  const { record, room, product } = run;
  const { machine } = record;
  const videos = record.players.filter(({ plan }) => plan.video).length;
  return [
    `- ${record.began}, ${record.cues.length} cues of ${record.windowMs} ms, target latency ${record.latencyMs} ms`,
    `- ${record.players.length} browsers (${machine.chromium}), ${videos} of them with video, ${machine.namespaces ? "each in a network namespace of its own" : "on loopback"}, headless, with throttling of hidden pages switched off; pages without video ask for reduced motion, so that no wheel turns`,
    `- ${machine.cores} cores (${machine.model}), kernel ${machine.kernel}, busy ${(machine.busy * 100).toFixed(0)} %, steal ${(machine.steal * 100).toFixed(2)} %, load average p50 ${quantile(machine.load, 0.5).toFixed(1)}, max ${Math.max(0, ...machine.load).toFixed(1)}`,
    `- truth: room clock read to ±${room.bound.toFixed(2)} ms, pages' clocks to ±${Math.max(...product.map(({ bound }) => bound)).toFixed(2)} ms at worst`,
    "- a screen is taken to show an animation frame one refresh (16.7 ms) after it was prepared; panels and sound paths are not seen",
    "- headless browsers refresh at the same instants, so that spreads are mostly multiples of a refresh; screens of their own add up to one more",
  ].join("\n");
}

function plotsOf(run: RunView): Record<string, Plot> {
  const zero = Math.min(...run.product.map(({ came }) => came));
  const seconds = (at: number): number => (at - zero) / 1e6;
  const o = new Map(run.record.cues.map((cue) => [cue.id, seconds(run.room.hostAt(cue.o))]));
  const per = (points: (player: PlayerView) => Series["points"]): Series[] =>
    run.product.map((player) => ({
      name: `${player.plan.id} ${player.plan.network.name}`,
      points: points(player),
    }));
  const rows = openingRows(run, run.product, byProduct);
  return {
    openings: {
      title: "Openings against O",
      x: "s since the beginning",
      y: "ms",
      range: [-60, 60],
      marks: [0],
      series: per(({ plan }) =>
        rows.flatMap((row) =>
          row.player === plan.id && row.off !== undefined ? [[o.get(row.cue) ?? 0, row.off] as const] : [],
        ),
      ),
    },
    spreads: {
      title: "Share of cues whose windows open within",
      x: "ms",
      y: "share",
      range: [0, 1],
      series: [
        distribution("room clock", run, run.product, byProduct),
        distribution("on message", run, run.product, onScreen(byMessage)),
        distribution("DATERANGE, stock", run, run.stock, onScreen(byDateRange)),
      ],
    },
    clocks: {
      title: "Error of the pages' clocks",
      x: "s since the beginning",
      y: "ms",
      range: [-30, 30],
      marks: [0],
      series: per(({ beliefs }) =>
        beliefs.flatMap(({ at, error }) => (error === undefined ? [] : [[seconds(at), error] as const])),
      ),
    },
    frames: {
      title: "Lateness of pictures against their due",
      x: "s since the beginning",
      y: "ms",
      range: [-150, 150],
      marks: [0],
      series: per(({ frames }) =>
        frames.flatMap((frame) => {
          const error = frameError(run, frame);
          return error === undefined ? [] : [[seconds(frame.at), error] as const];
        }),
      ),
    },
  };
}

const WIDEST = 500; // ms that the plot of spreads shows

function distribution(
  name: string,
  run: RunView,
  players: readonly PlayerView[],
  means: Parameters<typeof openingRows>[2],
): Series {
  const values = undisturbed(spreads(openingRows(run, players, means)), players.length)
    .map(({ spread }) => spread)
    .sort((a, b) => a - b);
  const points = values.map((value, i) => [Math.min(value, WIDEST), (i + 1) / values.length] as const);
  return { name, points, line: true };
}

function rawOf(run: RunView): Record<string, string> {
  const seconds = (at: number): string => (at / 1e6).toFixed(6);
  const players = [...run.product, ...run.stock];
  const csv = (head: string, lines: readonly (readonly unknown[])[]): string =>
    `${[head, ...lines.map((line) => line.map((cell) => cell ?? "").join(","))].join("\n")}\n`;
  return {
    openings: csv(
      "cue,player,off_ms,disturbed",
      openingRows(run, run.product, byProduct).map((r) => [r.cue, r.player, r.off?.toFixed(3), r.disturbed]),
    ),
    cues: csv(
      "cue,phase,o_us,c_us,o_host_s",
      run.record.cues.map((c) => [c.id, c.phase, c.o, c.c, seconds(run.room.hostAt(c.o))]),
    ),
    frames: csv(
      "phase,player,host_s,frame,late_ms,error_ms,disturbed",
      players.flatMap((player) =>
        player.frames.map((frame) => [
          player.phase,
          player.plan.id,
          seconds(frame.at),
          frame.n,
          frame.late.toFixed(2),
          frameError(run, frame)?.toFixed(2),
          disturbed(run.record, player.plan.id, frame.at),
        ]),
      ),
    ),
    "frame-spread": csv(
      "host_s,spread_ms,players,disturbed",
      frameRows(run, run.product).map((r) => [seconds(r.at), r.spread.toFixed(2), r.players, r.disturbed]),
    ),
    clocks: csv(
      "player,host_s,error_ms,dispersion_ms,wall_error_ms,rate",
      run.product.flatMap(({ plan, beliefs }) =>
        beliefs.map((b) => [
          plan.id,
          seconds(b.at),
          b.error?.toFixed(3),
          b.dispersion?.toFixed(3),
          b.wall.toFixed(1),
          b.rate,
        ]),
      ),
    ),
    arrivals: csv(
      "phase,player,host_s,cue,what",
      players.flatMap(({ phase, plan, arrived }) =>
        arrived.map((a) => [phase, plan.id, seconds(a.at), a.cue, a.what]),
      ),
    ),
    video: csv(
      "phase,player,host_s,what,value",
      players.flatMap(({ phase, plan, happened }) =>
        happened.map((h) => [phase, plan.id, seconds(h.at), h.what, h.value]),
      ),
    ),
  };
}
