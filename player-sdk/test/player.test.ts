import { describe, expect, test } from "vitest";
import { type Micros, micros, millis, type Seconds, type StatusMessage, seconds } from "../src/core/index.ts";
import { type Due, startPoint } from "../src/player/alignment.ts";
import { playlistUrl, socketUrl } from "../src/player/browser.ts";
import { ErrorWindow, FrameInterval, lateness } from "../src/player/frame-meter.ts";
import { Heartbeat } from "../src/player/heartbeat.ts";
import { classOf } from "../src/player/view.ts";

describe("AL1 where a start is", () => {
  const NOW = 1_795_410_000_000_000;
  /** Position 0 is due `early` ms from now. */
  const due = (early: number, known = true): Due => ({
    now: () => (known ? micros(NOW) : undefined),
    positionAt: (at: Micros): Seconds => seconds((at - NOW) / 1e6 - early / 1000),
    dueAt: (at: Seconds): Micros => micros(NOW + early * 1000 + at * 1e6),
    startDelay: millis(70),
  });
  const from = (start: number, end: number) => ({ start: seconds(start), end: seconds(end) });

  test("at what is due 350 ms from now", () => {
    const start = startPoint([from(0, 10)], due(-5000));
    expect(start?.position).toBeCloseTo(5.35, 6);
    expect(start?.wait).toBeCloseTo(350, 3);
  });
  test("with only later media, at its beginning, held until it is due", () => {
    const start = startPoint([from(2, 4)], due(1000));
    expect(start?.position).toBeCloseTo(2.001, 6);
    expect(start?.wait).toBeCloseTo(3001, 3);
  });
  test.each([
    ["nothing is buffered", [], due(-5000)],
    ["what is due is not buffered", [from(0, 5)], due(-5000)],
    ["less than 700 ms is ahead of what is due", [from(0, 6)], due(-5000)],
    ["less than 700 ms is ahead of the beginning", [from(2, 2.6)], due(1000)],
    ["R is not known", [from(0, 10)], due(-5000, false)],
  ])("nowhere if %s", (_, buffered, d) => {
    expect(startPoint(buffered, d)).toBeUndefined();
  });
  test("over a hole, behind it", () => {
    expect(startPoint([from(0, 3), from(5, 9)], due(-4000))?.position).toBeCloseTo(5.001, 6);
  });
});

describe("FM1 the error is the median of at least five frames of half a second", () => {
  const filled = (errors: number[], gap = 33): ErrorWindow => {
    const window = new ErrorWindow();
    for (const [i, error] of errors.entries()) window.add({ at: millis(i * gap), error: millis(error) });
    return window;
  };
  test("one stray frame does not move it", () => {
    expect(filled([5, 6, 400, 5, 7]).median(millis(140))).toBe(6);
  });
  test("four are not enough", () => {
    expect(filled([5, 6, 5, 7]).median(millis(140))).toBeUndefined();
  });
  test("of a slow picture, those of a second", () => {
    expect(filled([1, 2, 3, 4, 5], 200).median(millis(801))).toBe(3);
  });
  test("old frames do not count", () => {
    expect(filled([5, 5, 5, 5, 5]).median(millis(1200))).toBeUndefined();
  });
  test("nor do those before a seek", () => {
    const window = filled([5, 5, 5, 5, 5]);
    window.clear();
    expect(window.median(millis(140))).toBeUndefined();
  });
  test("late is positive", () => {
    expect(lateness(micros(2_000_000), 1_990_000)).toBe(10);
  });
});

test("FM3 the frame interval is the shortest step: dropped frames, repeats and seeks do not change it", () => {
  const interval = new FrameInterval();
  expect(interval.value).toBeUndefined();
  for (const at of [0, 0.033, 0.033, 0.1, 0.133, 9, 9.033]) interval.add(seconds(at));
  expect(interval.value).toBeCloseTo(33, 6);
});

describe("FM2 the class", () => {
  test.each([
    ["playing", 0, "in"],
    ["playing", -100, "in"],
    ["playing", 101, "near"],
    ["playing", -1000, "near"],
    ["playing", 1001, "far"],
    ["playing", undefined, "far"],
    ["stalled", undefined, "far"],
    ["loading", undefined, "none"],
    ["waiting", undefined, "none"],
    ["paused", undefined, "none"],
  ] as const)("%s, %s ms: %s", (phase, error, expected) => {
    expect(classOf(phase, error === undefined ? undefined : millis(error))).toBe(expected);
  });
});

describe("HB1 the heartbeat", () => {
  const status = (more: Partial<StatusMessage> = {}): StatusMessage => ({
    t: "status",
    synced: true,
    disp_us: micros(1800),
    rtt_us: micros(3400),
    class: "in",
    visible: true,
    ...more,
  });
  test("nothing before the clock is synced, then at once, then every 10 s", () => {
    const beat = new Heartbeat();
    expect(beat.due(status({ synced: false }), millis(0))).toBe(false);
    const times: number[] = [];
    for (let now = 100; now < 25_000; now += 100) {
      if (!beat.due(status(), millis(now))) continue;
      times.push(now);
      beat.sent(status(), millis(now));
    }
    expect(times).toEqual([100, 10_100, 20_100]);
  });
  test.each([{ class: "near" }, { visible: false }, { synced: false }] as const)(
    "a change is told: %o",
    (change) => {
      const beat = new Heartbeat();
      beat.sent(status(), millis(0));
      expect(beat.due(status(change), millis(999))).toBe(false);
      expect(beat.due(status(change), millis(1000))).toBe(true);
      expect(beat.due(status({ err_us: micros(5) }), millis(1000))).toBe(false);
    },
  );
  test("a new socket is told at once", () => {
    const beat = new Heartbeat();
    beat.sent(status(), millis(0));
    beat.reset();
    expect(beat.due(status(), millis(1000))).toBe(true);
  });
});

describe("BR1 addresses", () => {
  test("addresses", () => {
    expect(socketUrl("https://live.example:8443/x")).toBe("wss://live.example:8443/ws/v1");
    expect(socketUrl("http://127.0.0.1:8080")).toBe("ws://127.0.0.1:8080/ws/v1");
    expect(playlistUrl("https://live.example", "my show")).toBe(
      "https://live.example/hls/my%20show/index.m3u8",
    );
    expect(playlistUrl("https://live.example", "show", "a.b+c")).toBe(
      "https://live.example/hls/show/index.m3u8?token=a.b%2Bc",
    );
  });
});
