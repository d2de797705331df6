import { describe, expect, test } from "vitest";
import { type ControlInput, LatencyController, millis, StartDelay } from "../src/core/index.ts";

const input = (error: number | undefined, more: Partial<Record<keyof ControlInput, unknown>> = {}) =>
  ({
    now: 100_000,
    error,
    buffer: 1800,
    playingFor: 60_000,
    suspended: false,
    guarded: false,
    reachable: true,
    audible: true,
    frameInterval: undefined,
    ...more,
  }) as ControlInput;

const none = { do: "none" };
const seek = { do: "seek" };
const rate = (value: number, preservesPitch: boolean) => ({
  do: "rate",
  rate: expect.closeTo(value, 6),
  preservesPitch,
});

describe("PC1 the error decides between seek, boost, trim and rest", () => {
  test.each([
    ["rest", 3, none],
    ["rest, early", -10, none],
    ["trim above 10 ms", 20, rate(1.01, false)],
    ["trim in proportion", 11, rate(1.0055, false)],
    ["trim, early", -11, rate(0.9945, false)],
    ["trim limit", 55, rate(1.01, false)],
    ["boost above 60 ms", 61, rate(1.03, true)],
    ["boost limit", 900, rate(1.03, true)],
    ["boost, early", -900, rate(0.97, true)],
    ["seek above 1 s", 1001, seek],
    ["seek, early", -1001, seek],
  ])("%s", (_, error, action) => {
    expect(new LatencyController().step(input(error))).toEqual(action);
  });
});

describe("PC2 while joining, 150 ms are worth a seek", () => {
  test.each([
    [151, 4999, seek],
    [-151, 0, seek],
    [149, 1000, rate(1.03, true)],
    [151, 5000, rate(1.03, true)],
  ])("%d ms late, playing for %d ms", (error, playingFor, action) => {
    expect(new LatencyController().step(input(error, { playingFor }))).toEqual(action);
  });
});

test("PC3 seeks cool down for 10, 20, 40 s, and afresh after two calm minutes", () => {
  const controller = new LatencyController();
  const times: number[] = [];
  for (let now = 0; now <= 115_000; now += 250) {
    if (controller.step(input(1500, { now })).do === "seek") times.push(now);
  }
  expect(times).toEqual([0, 10_000, 30_000, 70_000, 110_000]);
  expect(controller.step(input(1500, { now: 240_000 }))).toEqual(seek);
  expect(controller.step(input(1500, { now: 250_000 }))).toEqual(seek);
});

test("PC3 a new join seeks at once", () => {
  const controller = new LatencyController();
  controller.step(input(1500, { now: 0 }));
  expect(controller.step(input(1500, { now: 250 })).do).not.toBe("seek");
  controller.joined();
  expect(controller.step(input(1500, { now: 500 }))).toEqual(seek);
});

test("PC4 no seek while a window opens or is open, unless more than 3 s off", () => {
  const controller = new LatencyController();
  expect(controller.step(input(2900, { guarded: true }))).toEqual(rate(1.03, true));
  expect(controller.step(input(3001, { guarded: true }))).toEqual(seek);
});

test("PC5 no seek to what is not buffered", () => {
  expect(new LatencyController().step(input(5000, { reachable: false }))).toEqual(rate(1.03, true));
});

describe("PC6 a short buffer is not eaten up", () => {
  test.each([
    ["late, 599 ms ahead", 500, 599, rate(1, true)],
    ["late, 299 ms ahead", 500, 299, rate(0.97, true)],
    ["early, 599 ms ahead", -500, 599, rate(0.97, true)],
    ["in step, 299 ms ahead", 0, 299, rate(0.97, true)],
  ])("%s", (_, error, buffer, action) => {
    const controller = new LatencyController();
    controller.step(input(40)); // at another rate before
    expect(controller.step(input(error, { buffer }))).toEqual(action);
  });
});

describe("PC7 trim is left below 4 ms, or when the error has passed through zero", () => {
  test("below 4 ms, not below 10", () => {
    const controller = new LatencyController();
    controller.step(input(11));
    expect(controller.step(input(5))).toEqual(rate(1.0025, false));
    expect(controller.step(input(3))).toEqual(rate(1, false));
    expect(controller.step(input(9))).toEqual(none);
  });
  test.each([16.7, 33.3, 40])(
    "on a screen that shows the picture in steps of %d ms the rate comes to rest",
    (step) => {
      for (let phase = 0; phase < step; phase++) {
        const controller = new LatencyController();
        let position = 55; // the true error
        let shown = 0;
        let changes = 0;
        for (let now = 0; now < 40_000; now += 250) {
          shown = Math.round((position - phase) / step) * step + phase; // what the screen can show of it
          const { do: done } = controller.step(input(shown, { now, frameInterval: step }));
          if (now > 25_000 && done !== "none") changes++;
          position -= 250 * (controller.rate - 1);
        }
        expect(changes).toBe(0);
        expect(controller.rate).toBe(1);
        expect(Math.abs(shown)).toBeLessThanOrEqual(step / 2 + 2);
      }
    },
  );
});

test("PC8 rates are multiples of 0.0005, and the same rate is not written twice", () => {
  const controller = new LatencyController();
  const written: number[] = [];
  for (let error = 60; error >= 0; error -= 0.1) {
    const action = controller.step(input(error));
    if (action.do === "rate") written.push(action.rate);
  }
  for (const value of written) expect(value / 0.0005).toBeCloseTo(Math.round(value / 0.0005), 6);
  for (let i = 1; i < written.length; i++) {
    expect(Math.abs((written[i] ?? 0) - (written[i - 1] ?? 0))).toBeGreaterThan(0.0004);
  }
  expect(written.length).toBeGreaterThan(10);
});

test("PC8 a rate that somebody else set is written again", () => {
  const controller = new LatencyController();
  controller.step(input(500));
  expect(controller.step(input(500))).toEqual(none);
  controller.rateLost(1);
  expect(controller.step(input(500))).toEqual(rate(1.03, true));
});

test("PC9 rates within a thousandth of 1 are never asked for with pitch preserved", () => {
  const controller = new LatencyController();
  for (let error = -200; error <= 200; error += 0.5) {
    const action = controller.step(input(error));
    if (action.do !== "rate" || !action.preservesPitch) continue;
    expect(Math.abs(action.rate - 1) === 0 || Math.abs(action.rate - 1) > 0.001).toBe(true);
  }
});

test("PC9 where nobody listens, pitch is not preserved at all", () => {
  const controller = new LatencyController();
  expect(controller.step(input(900, { audible: false }))).toEqual(rate(1.03, false));
  expect(controller.step(input(0, { audible: false, buffer: 200 }))).toEqual(rate(0.97, false));
});

test("PC10 nothing is done while suspended or without a measurement", () => {
  expect(new LatencyController().step(input(5000, { suspended: true }))).toEqual(none);
  expect(new LatencyController().step(input(undefined))).toEqual(none);
});

test("PC11 where rates are not smooth there are only seeks, beyond 100 ms, every 30 s", () => {
  const controller = new LatencyController({ rates: false });
  expect(controller.step(input(99, { now: 0 }))).toEqual(none);
  expect(controller.step(input(101, { now: 1000 }))).toEqual(seek);
  expect(controller.step(input(900, { now: 30_750 }))).toEqual(none);
  expect(controller.step(input(900, { now: 31_000 }))).toEqual(seek);
});

test("PC11 nor in a window, whatever the error", () => {
  const controller = new LatencyController({ rates: false });
  expect(controller.step(input(9000, { guarded: true }))).toEqual(none);
  expect(controller.step(input(9000))).toEqual(seek);
});

test("PC11 rates that turn out to be of no use are not asked for any more, and the rate goes back to 1", () => {
  const controller = new LatencyController();
  expect(controller.step(input(500))).toEqual(rate(1.03, true));
  controller.usesRates = false;
  expect(controller.step(input(90))).toEqual(rate(1, true));
  expect(controller.step(input(90))).toEqual(none);
});

describe("PC13 while L glides the player glides with it", () => {
  test.each([0.03, -0.03])("at a slope of %d, within the band", (slope) => {
    const controller = new LatencyController();
    let error = 0;
    for (let now = 0; now < 16_000; now += 250) {
      controller.step(input(error, { now, slope, playingFor: 60_000 + now }));
      error -= 250 * (controller.rate - 1 + slope);
      expect(Math.abs(error)).toBeLessThanOrEqual(10.5);
    }
    expect(controller.rate).toBeCloseTo(1 - slope, 2);
  });
  test("with the pitch preserved where somebody listens, for it lasts", () => {
    expect(new LatencyController().step(input(0, { slope: 0.03 }))).toEqual(rate(0.97, true));
  });
});

describe("PC12 the loop settles", () => {
  test.each([
    [700, 0],
    [-700, 0],
    [300, 200],
    [100, -200],
  ])("from %d ms with a media clock %d ppm off", (start, ppm) => {
    const controller = new LatencyController();
    let error = start;
    for (let now = 0; now < 60_000; now += 250) {
      controller.step(input(error, { now, playingFor: 10_000 + now }));
      error -= 250 * (controller.rate - 1) - (250 * ppm) / 1e6;
    }
    expect(Math.abs(error)).toBeLessThanOrEqual(10.5);
  });
});

test("SD1 the start delay is learned from what remains, within bounds", () => {
  const delay = new StartDelay(millis(70));
  delay.learn(millis(40));
  expect(delay.value).toBe(110);
  delay.learn(millis(-400));
  expect(delay.value).toBe(0);
  delay.learn(millis(5000));
  expect(delay.value).toBe(0);
  for (let i = 0; i < 9; i++) delay.learn(millis(900));
  expect(delay.value).toBe(500);
});
