/** The figures of a run: printed, and kept as an artefact. */
import { mkdirSync, writeFileSync } from "node:fs";
import { loadavg } from "node:os";
import { fileURLToPath } from "node:url";

export interface Percentiles {
  readonly n: number;
  readonly p50: number;
  readonly p95: number;
  readonly max: number;
}

/** Percentiles by the nearest rank. */
export function percentiles(values: readonly number[]): Percentiles {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (q: number) => sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)] ?? Number.NaN;
  return { n: sorted.length, p50: at(0.5), p95: at(0.95), max: at(1) };
}

const ARTIFACTS = fileURLToPath(new URL("../../artifacts/", import.meta.url));

/** Prints the figures and writes them to artifacts/NAME.json. */
export function report(name: string, figures: Readonly<Record<string, Percentiles | number | string>>): void {
  const rows = Object.entries(figures).map(([key, value]) => `  ${key.padEnd(42)} ${show(value)}`);
  process.stdout.write(`\n${name}\n${rows.join("\n")}\n\n`);
  mkdirSync(ARTIFACTS, { recursive: true });
  writeFileSync(`${ARTIFACTS}${name}.json`, `${JSON.stringify({ ...figures, load: loadavg() }, null, 2)}\n`);
}

function show(value: Percentiles | number | string): string {
  if (typeof value === "string") return value;
  if (typeof value === "number") return value.toFixed(1);
  return `p50 ${value.p50.toFixed(1)}  p95 ${value.p95.toFixed(1)}  max ${value.max.toFixed(1)}  (n=${value.n})`;
}
