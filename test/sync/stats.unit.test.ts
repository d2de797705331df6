import { expect, test } from "vitest";
import { bootstrap, generator, moments, quantile, summary } from "./stats.ts";

const hundred = Array.from({ length: 100 }, (_, i) => 100 - i);

test("quantiles are those of the nearest rank", () => {
  expect(quantile(hundred, 0.5)).toBe(50);
  expect(summary(hundred)).toEqual({ n: 100, p50: 50, p95: 95, p99: 99, max: 100 });
  expect(quantile([], 0.5)).toBeNaN();
});

test("mean and standard deviation", () => {
  expect(moments([2, 4, 4, 4, 5, 5, 7, 9])).toEqual({ mean: 5, sd: Math.sqrt(32 / 7) });
});

test("a bootstrap interval holds the quantile, is repeatable, and narrows with more values", () => {
  const random = generator(7);
  const many = Array.from({ length: 1000 }, () => random() * 100);
  const width = ([low, high]: readonly [number, number]): number => high - low;
  const few = bootstrap(many.slice(0, 50), 0.5);
  const more = bootstrap(many, 0.5);
  expect(few[0]).toBeLessThanOrEqual(quantile(many.slice(0, 50), 0.5));
  expect(few[1]).toBeGreaterThanOrEqual(quantile(many.slice(0, 50), 0.5));
  expect(bootstrap(many, 0.5)).toEqual(more);
  expect(width(more)).toBeLessThan(width(few));
});
