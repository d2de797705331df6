import { expect, test } from "vitest";
import * as format from "../src/format.ts";

const plain = (text: string): string => text.replace(/[\u00a0\u202f]/gu, " ");

test.each([
  [-5, "0.0 s"],
  [299, "0.2 s"],
  [12_345, "12.3 s"],
  [59_999, "59.9 s"],
  [60_000, "1:00"],
  [125_900, "2:05"],
])("counts down %d ms as %s: never shows more than is left", (ms, want) => {
  expect(plain(format.countdown(ms))).toBe(want);
});

test.each([
  [format.windowLength(20_000), "20 s"],
  [format.windowLength(3500), "3.5 s"],
  [format.windowLength(90_000), "1 min 30 s"],
  [format.windowLength(600_000), "10 min"],
  [format.elapsed(59.9), "0:59"],
  [format.elapsed(5025), "1:23:45"],
  [format.bitrate(2_481_000), "2.5 Mbit/s"],
  [format.bitrate(96_400), "96 kbit/s"],
  [format.spread(6100), "6.1 ms"],
  [format.spread(9960), "10 ms"],
  [format.spread(31_400), "31 ms"],
  [format.spread(1_204_000), "1.20 s"],
  [format.ppm(-12.44), "−12.4 ppm"],
  [format.ppm(0.04), "0.0 ppm"],
  [format.ppm(3), "+3.0 ppm"],
  [format.count(1234567), "1 234 567"],
  [format.count(999), "999"],
])("writes %s", (got, want) => {
  expect(plain(got)).toBe(want);
});

test("a share of nothing is nothing", () => {
  expect(format.percent(0, 0)).toBe(0);
  expect(format.percent(2, 3)).toBe(67);
});
