/**
 * How low the target latency can be: the same players on one network, with less
 * and less of it, until pictures stall or fall apart.
 *
 * @module
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { frameRows } from "./frames.ts";
import { byProduct, openingRows, spreads, undisturbed } from "./openings.ts";
import { CLOCKS, NETWORKS, type NetworkName, type PlayerPlan } from "./profiles.ts";
import { type RunPlan, run } from "./run.ts";
import { quantile, summary } from "./stats.ts";
import { table } from "./tables.ts";
import { type RunView, viewOf } from "./view.ts";

const STEPS = [2000, 1500, 1200, 1000, 800] as const; // ms
const PLAYERS = 3;
/** Networks that are tried unless others are named. */
const TRIED: readonly NetworkName[] = ["lan", "fibre", "wifi", "lte", "asymmetric"];
const JOINING = 15_000_000; // µs after coming in which nothing counts

/** One network at one latency. */
export interface Step {
  readonly network: NetworkName;
  readonly latencyMs: number;
  /** p50, p95 and max of openings and pictures, ms. */
  readonly openings: readonly number[];
  readonly pictures: readonly number[];
  /** Times that a picture waited for media, once it had begun. */
  readonly waits: number;
  readonly holds: boolean;
}

/** Steps down on every network, or on those that are named; writes lowest.json and lowest.md. */
export async function lowest(
  plan: RunPlan,
  out: string,
  networks: readonly NetworkName[] = TRIED,
): Promise<string> {
  const steps: Step[] = [];
  for (const network of networks) {
    for (const latencyMs of STEPS) {
      const record = await run({
        ...plan,
        players: castOf(network),
        latencyMs,
        stockCues: 0,
        disturbed: false,
      });
      const step = judged(network, viewOf(record));
      steps.push(step);
      plan.say(`${network} at ${latencyMs} ms ${step.holds ? "holds" : "does not hold"}`);
      if (!step.holds) break;
    }
  }
  const text = lowestTable(steps);
  writeFileSync(join(out, "lowest.json"), `${JSON.stringify(steps, null, 2)}\n`);
  writeFileSync(join(out, "lowest.md"), `${text}\n`);
  return text;
}

function castOf(network: NetworkName): PlayerPlan[] {
  return Array.from({ length: PLAYERS }, (_, i) => ({
    id: `p${i + 1}`,
    network: NETWORKS[network],
    clocks: CLOCKS[i + 1] ?? { wall: 0, ppm: 0 },
    browser: "chromium",
    video: true,
    comesAt: i * 2000,
  }));
}

/** Whether G1 and G3 hold in a run, with nobody waiting for media. */
export function judged(network: NetworkName, view: RunView): Step {
  const rows = undisturbed(spreads(openingRows(view, view.product, byProduct)), view.product.length);
  const all = frameRows(view, view.product).filter((row) => !row.disturbed);
  const triple = (values: readonly number[]): number[] => {
    const { p50, p95, max } = summary(values);
    return [p50, p95, max];
  };
  const openings = triple(rows.map(({ spread }) => spread));
  const pictures = triple(all.map(({ spread }) => spread));
  const waits = view.product.flatMap(({ happened, came }) =>
    happened.filter(({ what, at }) => what === "waiting" && at > came + JOINING),
  ).length;
  const within = (values: readonly number[], bounds: readonly number[]): boolean =>
    values.every((value, i) => value <= (bounds[i] ?? 0));
  const holds = waits === 0 && within(openings, [20, 35, 50]) && within(pictures, [33, 50, 100]);
  return { network, latencyMs: view.record.latencyMs, openings, pictures, waits, holds };
}

/** The steps, and under them the lowest that holds. */
export function lowestTable(steps: readonly Step[]): string {
  const told = (values: readonly number[]): string => values.map((value) => value.toFixed(1)).join(" / ");
  const names = [...new Set(steps.map(({ network }) => network))];
  const best = names.map((name) => {
    const held = steps
      .filter(({ network, holds }) => network === name && holds)
      .map(({ latencyMs }) => latencyMs);
    return [NETWORKS[name].name, held.length === 0 ? "none" : `${quantile(held, 0)} ms`];
  });
  return [
    table(
      ["network", "L, ms", "windows p50 / p95 / max, ms", "pictures p50 / p95 / max, ms", "waits", "holds"],
      steps.map((s) => [
        NETWORKS[s.network].name,
        `${s.latencyMs}`,
        told(s.openings),
        told(s.pictures),
        `${s.waits}`,
        s.holds ? "yes" : "no",
      ]),
    ),
    table(["network", "lowest latency that holds"], best),
  ].join("\n\n");
}
