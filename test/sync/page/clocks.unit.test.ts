import { createContext, Script } from "node:vm";
import { expect, test } from "vitest";
import { type ClockSpec, patchClocks } from "./clocks.ts";

const ORIGIN = 1_800_000_000_000;

/** A page with clocks that are set by hand: true ms since it was opened, which was at ORIGIN. */
function page(spec: Partial<ClockSpec>) {
  const scope = createContext({ structuredClone });
  const run = (code: string): unknown => new Script(code).runInContext(scope);
  run(`
    globalThis.truth = 0;
    globalThis.performance = { timeOrigin: ${ORIGIN}, now: () => truth };
    Date.now = () => ${ORIGIN} + truth;
    globalThis.Event = class { get timeStamp() { return truth; } };
    globalThis.Animation = class { #at = null; get startTime() { return this.#at; } set startTime(at) { this.#at = at; globalThis.started = at; } };
    globalThis.HTMLVideoElement = class {
      requestVideoFrameCallback(callback) { callback(truth, { mediaTime: 3, expectedDisplayTime: truth + 10, presentationTime: truth }); }
    };
    globalThis.requestAnimationFrame = (callback) => callback(truth);
  `);
  const whole: ClockSpec = { wall: 0, ppm: 0, origin: ORIGIN, stepAt: null, stepBy: 0, ...spec };
  run(`(${patchClocks.toString()})(${JSON.stringify(whole)})`);
  return {
    at: (ms: number, code: string): unknown => run(`truth = ${ms}; ${code}`),
  };
}

test("every clock of a page drifts alike", () => {
  const { at } = page({ ppm: 200 });
  const bent = 1_000_200;
  expect(at(1e6, "performance.now()")).toBeCloseTo(bent, 6);
  expect(at(1e6, "Date.now()")).toBe(ORIGIN + bent);
  expect(at(1e6, "new Date().getTime()")).toBe(ORIGIN + bent);
  expect(at(1e6, "new Event().timeStamp")).toBeCloseTo(bent, 6);
  expect(at(1e6, "let t; requestAnimationFrame((x) => { t = x; }); t")).toBeCloseTo(bent, 6);
  const frame = at(
    1e6,
    "let f; new HTMLVideoElement().requestVideoFrameCallback((n, m) => { f = [n, m]; }); f",
  );
  expect(frame).toMatchObject([
    expect.closeTo(bent, 6),
    { mediaTime: 3, expectedDisplayTime: expect.closeTo(1_000_210.002, 6) },
  ]);
});

test("an animation that is started at an instant of the bent clock starts at the true one", () => {
  const { at } = page({ ppm: -200 });
  expect(at(0, "const a = new Animation(); a.startTime = 999800; started")).toBeCloseTo(1e6, 6);
  expect(at(0, "a.startTime")).toBeCloseTo(999_800, 6);
});

test("the wall clock is wrong by as much as it is told, and is set when it is told; the monotonic one is not", () => {
  const { at } = page({ wall: -700, stepAt: ORIGIN + 5000, stepBy: 60_000 });
  expect(at(4999, "Date.now()")).toBe(ORIGIN + 4999 - 700);
  expect(at(5000, "Date.now()")).toBe(ORIGIN + 5000 - 700 + 60_000);
  expect(at(5000, "performance.now()")).toBe(5000);
});

test("a date that is given is left alone", () => {
  const { at } = page({ wall: 90_000 });
  expect(at(0, "new Date(5).getTime()")).toBe(5);
  expect(at(0, "Date.UTC(2020, 0)")).toBe(Date.UTC(2020, 0));
});

test("the rig keeps the true clock", () => {
  const { at } = page({ ppm: 200 });
  expect(at(1e6, "rigOriginals.now()")).toBe(1e6);
});
