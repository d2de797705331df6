/**
 * Percentiles, and how sure they are.
 *
 * @module
 */

/** The `q`-quantile by the nearest rank; NaN of nothing. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return rank(sorted, q);
}

function rank(sorted: ArrayLike<number>, q: number): number {
  return sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)] ?? Number.NaN;
}

/** What is told of a set of values. */
export interface Summary {
  readonly n: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
}

/** The quantiles of `values`. */
export function summary(values: readonly number[]): Summary {
  const sorted = Float64Array.from(values).sort();
  const at = (q: number): number => rank(sorted, q);
  return { n: values.length, p50: at(0.5), p95: at(0.95), p99: at(0.99), max: at(1) };
}

/** Mean and standard deviation. */
export function moments(values: readonly number[]): { readonly mean: number; readonly sd: number } {
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  const square = values.reduce((a, b) => a + (b - mean) ** 2, 0) / Math.max(1, values.length - 1);
  return { mean, sd: Math.sqrt(square) };
}

/** A 95 % interval. */
export type Interval = readonly [low: number, high: number];

const RESAMPLES = 1000;

/** Where a quantile lies with 95 % confidence: by drawing the values again, a thousand times, from a fixed seed. */
export function bootstrap(values: readonly number[], q: number): Interval {
  if (values.length === 0) return [Number.NaN, Number.NaN];
  const random = generator(1);
  const drawn = new Float64Array(values.length);
  const quantiles = Array.from({ length: RESAMPLES }, () => {
    for (let i = 0; i < drawn.length; i++) drawn[i] = values[Math.floor(random() * values.length)] ?? 0;
    drawn.sort();
    return rank(drawn, q);
  });
  return [quantile(quantiles, 0.025), quantile(quantiles, 0.975)];
}

/** Mulberry32: repeatable numbers in [0, 1). */
export function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}
