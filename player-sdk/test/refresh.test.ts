import { expect, test } from "vitest";
import { Refresh, USUAL_REFRESH } from "../src/player/refresh.ts";

const learned = (...steps: number[]): number => {
  const refresh = new Refresh();
  for (const step of steps) refresh.add(step);
  return refresh.length;
};

test("OP7 a display is taken for one of 60 Hz until it was watched", () => {
  expect(learned()).toBe(USUAL_REFRESH);
  expect(learned(0, -5, Number.NaN, 4000)).toBe(USUAL_REFRESH);
});

test("OP7 a page that misses every other refresh still knows how long one is", () => {
  expect(learned(16.6, 33.3, 16.7, 33.4, 50, 33.3, 33.3, 16.7)).toBeCloseTo(16.7, 1);
  expect(learned(8.3, 8.4, 16.6, 8.3, 25)).toBeCloseTo(8.3, 1);
});

test("OP7 another display is learned within the last 24 steps", () => {
  const refresh = new Refresh();
  for (let i = 0; i < 24; i++) refresh.add(1000 / 120);
  for (let i = 0; i < 24; i++) refresh.add(1000 / 50);
  expect(refresh.length).toBeCloseTo(20, 5);
});
