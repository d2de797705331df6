import { expect, test } from "vitest";
import { type Sight, takePlan } from "../src/sight.ts";

const NOW = 1_795_410_000_000_000;
const plain = (text: string): string => text.replace(/\u00a0/gu, " ");
const sight = (ageMs: number, change: Partial<Sight> = {}): Sight => ({
  shownUs: NOW - ageMs * 1000,
  nowUs: NOW,
  latencyMs: 3000,
  live: true,
  ...change,
});

test("the cue lands on the picture that is seen, however late the press was", () => {
  expect(takePlan("seen", sight(1250))).toEqual({
    at: "seen",
    atUs: NOW - 1_250_000,
    opensInMs: 1750,
    why: "",
  });
});

test("a picture is taken as long as 1.5 s are left, and the way of the command", () => {
  expect(takePlan("seen", sight(1400)).at).toBe("seen");
  expect(takePlan("seen", sight(1401)).at).toBe("edge");
});

test("says how old the picture is when that is too old, and uses the edge", () => {
  const plan = takePlan("seen", sight(3080));
  expect(plan).toMatchObject({ at: "edge", atUs: undefined, opensInMs: 3000 });
  expect(plain(plan.why)).toBe(
    "The picture you look at is 3.1 s old: 1.5 s are needed to open every screen together; it may be 1.4 s old. The live edge is used.",
  );
});

test("says which target latency would do where no preview is quick enough", () => {
  const { why } = takePlan("seen", sight(1250, { latencyMs: 2000 }));
  expect(plain(why)).toMatch(/a target latency of 2\.9 s allows it/);
  expect(takePlan("seen", sight(1250, { latencyMs: 2900 })).at).toBe("seen");
});

test("a slow preview needs more, a paused one says nothing of its speed", () => {
  expect(plain(takePlan("seen", sight(2200, { latencyMs: 2000 })).why)).toMatch(
    /latency of 3\.8 s allows it/,
  );
  expect(takePlan("seen", sight(2200, { latencyMs: 3800 })).at).toBe("seen");
  expect(plain(takePlan("seen", sight(42_000, { latencyMs: 2000 })).why)).toMatch(
    /latency of 2\.9 s allows it/,
  );
});

test.each<[string, Partial<Sight>, RegExp]>([
  ["no picture", { shownUs: undefined }, /shows no picture/],
  ["no clock", { nowUs: undefined }, /clock is not known/],
  ["no latency", { latencyMs: undefined }, /clock is not known/],
])("with %s the edge is used, and the reason said", (_, change, words) => {
  const plan = takePlan("seen", sight(1200, change));
  expect(plan).toMatchObject({ at: "edge", atUs: undefined });
  expect(plan.why).toMatch(words);
});

test("nothing is to be explained where the edge was wanted, or nothing is on air", () => {
  expect(takePlan("edge", sight(9000)).why).toBe("");
  expect(takePlan("seen", sight(9000, { live: false })).why).toBe("");
});
