import { describe, expect, test } from "vitest";
import { micros, type Ticks, TimelineMap, ticks, ticksAt } from "../src/core/index.ts";
import { mulberry } from "./random.ts";

const t0 = 1_795_410_000_000_000;
const map = new TimelineMap({
  scale: 90_000,
  points: [
    [900_000, micros(t0)],
    [1_800_000, micros(t0 + 10_001_000)], // 100 ppm slow
    [2_700_000, micros(t0 + 25_001_000)], // an outage of 5 s
  ],
});

describe("TL1 P by straight lines", () => {
  test.each([
    ["at a point", 900_000, t0],
    ["between two", 1_350_000, t0 + 5_000_500],
    ["across an outage", 2_250_000, t0 + 17_501_000],
    ["before the first, at the nominal rate", 810_000, t0 - 1_000_000],
    ["after the last, at the nominal rate", 2_790_000, t0 + 26_001_000],
    ["at the last", 2_700_000, t0 + 25_001_000],
  ])("%s", (_, at, instant) => {
    expect(map.instantOf(ticks(at))).toBeCloseTo(instant, 0);
    expect(map.ticksOf(micros(instant))).toBeCloseTo(at, 0);
  });
});

test("TL2 the inverse is the inverse, anywhere", () => {
  const random = mulberry(3);
  for (let i = 0; i < 2000; i++) {
    const at = ticks(random() * 4_000_000);
    const back = map.ticksOf(map.instantOf(at) ?? micros(0)) as Ticks;
    expect(Math.abs(back - at)).toBeLessThan(0.1);
  }
});

test("TL3 one point is a line, no point is no map", () => {
  const one = new TimelineMap({ scale: 48_000, points: [[0, micros(t0)]] });
  expect(one.instantOf(ticksAt(2, 48_000))).toBe(t0 + 2_000_000);
  const empty = new TimelineMap({ scale: 90_000, points: [] });
  expect(empty.instantOf(ticks(0))).toBeUndefined();
  expect(empty.ticksOf(micros(t0))).toBeUndefined();
});
