import { describe, expect, test } from "vitest";
import { ClockFilter, type ClockSample, micros, millis, PingSchedule, RoomClock } from "../src/core/index.ts";
import { mulberry } from "./random.ts";

/** A question whose way takes `up` and `down` ms, when R = local + offset. */
function sample(at: number, up: number, down: number, offset: number): ClockSample {
  const served = (at + up + offset) * 1000;
  return {
    sentAt: millis(at),
    receivedAt: millis(at + up + down),
    received: micros(served),
    replied: micros(served),
  };
}

const us = (ms: number): number => ms * 1000;

describe("CK1 the filter picks the lowest dispersion", () => {
  test("of a quick and a slow trip, the quick one", () => {
    const filter = new ClockFilter();
    filter.add(sample(0, 80, 20, 1000));
    filter.add(sample(200, 5, 5, 1000));
    filter.add(sample(300, 60, 5, 1000));
    const best = filter.estimate(millis(400));
    expect(best?.offset).toBe(us(1000));
    expect(best?.rtt).toBe(us(10));
  });
  test("age counts: an old quick trip loses to a fresh one that is nearly as quick", () => {
    const filter = new ClockFilter();
    filter.add(sample(0, 5, 5, 1000)); // 5 ms + 300 s · 60 ppm = 23 ms
    filter.add(sample(300_000, 7, 7, 1010));
    expect(filter.estimate(millis(300_020))?.offset).toBeCloseTo(us(1010), -1);
  });
  test("dispersion is half the round trip, the resolution and the drift", () => {
    const filter = new ClockFilter();
    filter.add(sample(0, 4, 6, 0));
    expect(filter.estimate(millis(10))?.dispersion).toBe(5100);
    expect(filter.estimate(millis(100_010))?.dispersion).toBe(5100 + 6000);
  });
  test("an impossible sample is dropped", () => {
    const filter = new ClockFilter();
    filter.add({ ...sample(0, 5, 5, 0), receivedAt: millis(-1) });
    filter.add({ ...sample(0, 5, 5, 0), receivedAt: millis(Number.NaN) });
    expect(filter.estimate(millis(0))).toBeUndefined();
  });
  test("samples older than ten minutes, and beyond the last 64, are forgotten", () => {
    const filter = new ClockFilter();
    filter.add(sample(0, 1, 1, 500));
    expect(filter.estimate(millis(600_100))).toBeUndefined();
    filter.add(sample(0, 1, 1, 500));
    for (let i = 0; i < 64; i++) filter.add(sample(10 + i, 9, 9, 700));
    expect(filter.estimate(millis(1000))?.offset).toBe(us(700));
  });
});

/** One-way delays in ms: a floor, exponential jitter, and now and then a spike. */
interface Path {
  readonly name: string;
  readonly up: number;
  readonly down: number;
  readonly jitter: number;
  readonly spikes: number;
  /** Error of the estimate after 15 s, p95 of runs. */
  readonly p95: number;
}

const paths: readonly Path[] = [
  { name: "LAN", up: 0.4, down: 0.4, jitter: 0.2, spikes: 0, p95: 0.5 },
  { name: "fibre", up: 6, down: 6, jitter: 1, spikes: 0.02, p95: 1.2 },
  { name: "Wi-Fi with spikes", up: 8, down: 8, jitter: 4, spikes: 0.1, p95: 3 },
  { name: "LTE, 10 ms asymmetric", up: 28, down: 18, jitter: 8, spikes: 0.1, p95: 10 },
  { name: "satellite", up: 300, down: 300, jitter: 10, spikes: 0.05, p95: 7 },
];

describe("CK2 the error stays within the dispersion and within what the path allows", () => {
  test.each(paths)("$name", ({ up, down, jitter, spikes, p95 }) => {
    const errors: number[] = [];
    for (let run = 0; run < 200; run++) {
      const random = mulberry(run);
      const skew = (2 * random() - 1) * 60e-6;
      const delay = (floor: number): number =>
        floor - Math.log(1 - random()) * jitter + (random() < spikes ? random() * 120 : 0);
      const filter = new ClockFilter();
      const local = (at: number): number => at * (1 + skew); // the device's clock at true time `at`
      for (let i = 0; i < 23; i++) {
        const at = i < 8 ? i * 50 : 400 + (i - 8) * 1000;
        const served = at + delay(up);
        const back = served + delay(down);
        filter.add({
          sentAt: millis(local(at)),
          receivedAt: millis(local(back)),
          received: micros(served * 1000),
          replied: micros(served * 1000),
        });
      }
      const now = 15_000;
      const best = filter.estimate(millis(local(now)));
      if (best === undefined) throw new Error("no estimate");
      const error = Math.abs(local(now) * 1000 + best.offset - now * 1000);
      expect(error).toBeLessThanOrEqual(best.dispersion + 1);
      errors.push(error / 1000);
    }
    errors.sort((a, b) => a - b);
    expect(errors[Math.floor(errors.length * 0.95)]).toBeLessThan(p95);
  });
});

describe("CK3 the clock steps until synced, then slews", () => {
  const synced = (): RoomClock => {
    const clock = new RoomClock();
    clock.add(sample(0, 2, 2, 1000), 7, millis(4));
    return clock;
  };

  test("the first samples step", () => {
    const clock = new RoomClock();
    expect(clock.at(millis(0))).toBeUndefined();
    expect(clock.add(sample(0, 200, 2, 1000), 7, millis(202))).toBe("stepped");
    expect(clock.synced(millis(202))).toBe(false);
    expect(clock.add(sample(300, 2, 2, 1000), 7, millis(304))).toBe("stepped");
    expect(clock.at(millis(304))).toBe(us(1304));
    expect(clock.synced(millis(304))).toBe(true);
  });
  test("a small correction moves at 5 ms a second", () => {
    const clock = synced();
    expect(clock.add(sample(1000, 0.5, 0.5, 1010), 7, millis(1001))).toBe("slewing");
    const error = (at: number): number => us(at + 1010) - (clock.at(millis(at)) ?? 0);
    expect(error(1001)).toBe(us(10));
    expect(error(2001)).toBe(us(5));
    expect(error(3001)).toBe(0);
    expect(error(9001)).toBe(0);
  });
  test("the remaining correction is part of the dispersion", () => {
    const clock = synced();
    clock.add(sample(1000, 0.5, 0.5, 1010), 7, millis(1001));
    expect(clock.dispersion(millis(1001))).toBeGreaterThan(us(10));
    clock.at(millis(4000));
    expect(clock.dispersion(millis(4000))).toBeLessThan(us(1));
  });
  test("readings never go back, whatever the corrections", () => {
    const clock = new RoomClock();
    const random = mulberry(5);
    clock.add(sample(0, 3, 3, 1000), 7, millis(6));
    let last = 0;
    for (let t = 10; t < 60_000; t += 7) {
      if (random() < 0.05) clock.add(sample(t - 4, 4 * random(), 4 * random(), 1000), 7, millis(t));
      const now = clock.at(millis(t)) ?? 0;
      expect(now).toBeGreaterThan(last);
      last = now;
    }
  });
  test("it stands still around an opening", () => {
    const clock = synced();
    clock.freeze([{ from: micros(us(2000)), to: micros(us(3000)) }]);
    clock.add(sample(990, 0.5, 0.5, 1010), 7, millis(991));
    const before = (clock.at(millis(1000)) ?? 0) - us(1000);
    const after = (clock.at(millis(1995)) ?? 0) - us(1995);
    expect(after - before).toBeLessThan(100);
    expect((clock.at(millis(4500)) ?? 0) - us(4500)).toBe(us(1010));
  });
  test("a large correction is a step only if the new data are twice as good", () => {
    const doubtful = synced(); // dispersion about 2 ms
    expect(doubtful.add(sample(1000, 1.9, 1.9, 1100), 7, millis(1004))).toBe("kept");
    const better = new RoomClock();
    better.add(sample(0, 40, 40, 1000), 7, millis(80));
    expect(better.add(sample(1000, 2, 2, 1100), 7, millis(1004))).toBe("stepped");
    expect(better.at(millis(1004))).toBe(us(2104));
  });
  test("another clock epoch drops every sample", () => {
    const clock = synced();
    expect(clock.add(sample(1000, 20, 20, 90_000), 8, millis(1040))).toBe("stepped");
    expect(clock.at(millis(1040))).toBe(us(91_040));
  });
  test("it is synced only while it is heard of", () => {
    const clock = synced();
    expect(clock.synced(millis(89_000))).toBe(true);
    expect(clock.synced(millis(91_000))).toBe(false);
  });
  test("a guess reads R and is worth no trust; a sample replaces it", () => {
    const clock = new RoomClock();
    clock.guess(micros(us(5000)), millis(10));
    expect(clock.at(millis(20))).toBe(us(5010));
    expect(clock.dispersion(millis(20))).toBe(Number.POSITIVE_INFINITY);
    clock.add(sample(20, 1, 1, 1000), 7, millis(22));
    clock.guess(micros(0), millis(23));
    expect(clock.at(millis(22))).toBe(us(1022));
  });
  test("reset keeps the reading and ends the trust", () => {
    const clock = synced();
    clock.reset();
    expect(clock.at(millis(10))).toBe(us(1010));
    expect(clock.synced(millis(10))).toBe(false);
  });
});

describe("CK4 the schedule", () => {
  const run = (schedule: PingSchedule, until: number): number[] => {
    const times: number[] = [];
    while (schedule.next <= until) {
      times.push(schedule.next);
      schedule.asked(schedule.next);
    }
    return times;
  };

  test("8 × 50 ms, one a second until 15 s, then every 20 s ± 4 s", () => {
    const schedule = new PingSchedule(mulberry(1));
    schedule.connected(millis(0));
    const times = run(schedule, 120_000);
    expect(times.slice(0, 8)).toEqual([0, 50, 100, 150, 200, 250, 300, 350]);
    expect(times.slice(8, 23)).toEqual(Array.from({ length: 15 }, (_, i) => 1350 + 1000 * i));
    const gaps = times.slice(23).map((t, i, all) => t - (all[i - 1] ?? times[22] ?? 0));
    expect(gaps.length).toBeGreaterThan(3);
    for (const gap of gaps) {
      expect(gap).toBeGreaterThanOrEqual(16_000);
      expect(gap).toBeLessThan(24_000);
    }
  });
  test("a burst comes at once and then the schedule goes on", () => {
    const schedule = new PingSchedule(() => 0.5);
    schedule.connected(millis(0));
    run(schedule, 30_000);
    schedule.burst(4, millis(40_000));
    expect(run(schedule, 70_000)).toEqual([40_000, 40_050, 40_100, 40_150, 60_150]);
  });
  test("nothing is asked without a socket", () => {
    const schedule = new PingSchedule(() => 0.5);
    expect(schedule.next).toBe(Number.POSITIVE_INFINITY);
    schedule.connected(millis(0));
    schedule.disconnected();
    expect(schedule.next).toBe(Number.POSITIVE_INFINITY);
  });
});
