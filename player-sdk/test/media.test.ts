import { describe, expect, test } from "vitest";
import {
  BridgedClock,
  fromAttribute,
  IN_BAND_CLASS,
  micros,
  millis,
  PictureClock,
  PlaylistRoom,
  RateProbe,
  readCarried,
  type Seconds,
  ShapeError,
  seconds,
  TargetLatency,
  ticks,
} from "../src/core/index.ts";
import { carriedByEvents, carriedByRanges } from "../src/player/carriers.ts";
import { PictureMap } from "../src/player/picture-map.ts";
import { PositionFit } from "../src/player/position-fit.ts";
import { StuckMeter } from "../src/player/stuck.ts";
import type { PlayerPhase } from "../src/player/view.ts";
import { mulberry } from "./random.ts";
import { sealed } from "./sealing.ts";

const R = 1_795_410_000_000_000;
const L = 3_000_000;

const object = {
  id: "c1",
  rev: 2,
  kind: "poll",
  policy: "wall",
  media: 270_000,
  o_us: R + L,
  c_us: R + L + 20_000_000,
  choices: 2,
  state: "armed",
};

describe("TL4 L changes along one line on R", () => {
  const at = (ms: number) => micros(R + ms * 1000);
  const changed = (from: number, to: number): TargetLatency => {
    const target = new TargetLatency();
    target.follow({ latency_ms: millis(from) }, at(0));
    target.follow({ latency_ms: millis(from), next: { latency_ms: millis(to), at_us: at(2000) } }, at(10));
    return target;
  };
  test("it begins at the announced instant and moves by 3 %", () => {
    const target = changed(3000, 3500);
    expect(target.at(at(1999))).toBe(3000);
    expect(target.at(at(12_000))).toBeCloseTo(3300, 6);
    expect(target.at(at(18_700))).toBe(3500);
    expect([target.slope(at(0)), target.slope(at(5000)), target.slope(at(20_000))]).toEqual([0, 0.03, 0]);
  });
  test("down as well as up", () => {
    expect(changed(3000, 2000).at(at(12_000))).toBeCloseTo(2700, 6);
  });
  test("the timeline that confirms it changes nothing", () => {
    const target = changed(3000, 3500);
    target.follow({ latency_ms: millis(3500) }, at(2100));
    expect(target.at(at(12_000))).toBeCloseTo(3300, 6);
  });
  test("who hears of it only afterwards begins then, without a jump", () => {
    const target = new TargetLatency();
    target.follow({ latency_ms: millis(3000) }, at(0));
    target.follow({ latency_ms: millis(3500) }, at(5000));
    expect(target.at(at(5000))).toBe(3000);
    expect(target.at(at(15_000))).toBeCloseTo(3300, 6);
  });
  test("who joins is at L at once", () => {
    const target = new TargetLatency();
    expect(target.at(at(0))).toBeUndefined();
    target.follow({ latency_ms: millis(4000) }, undefined);
    expect(target.at(undefined)).toBe(4000);
    expect(target.at(at(0))).toBe(4000);
  });
  test("two changes in a row go on from where it was", () => {
    const target = changed(3000, 3500);
    target.follow(
      { latency_ms: millis(3500), next: { latency_ms: millis(3000), at_us: at(12_000) } },
      at(11_000),
    );
    expect(target.at(at(12_000))).toBeCloseTo(3300, 0);
    expect(target.at(at(17_000))).toBeCloseTo(3150, 0);
  });
});

describe("RP1 whether rates work is measured", () => {
  /** Steps of 250 ms at 1.03; the error falls by `effect` of what it should. */
  const play = (probe: RateProbe, effect: number, span: number, from = 0): void => {
    for (let t = 0; t < span; t += 250) {
      const error = 1000 - 0.03 * effect * t;
      probe.step({ now: millis(from + t), error: millis(error), rate: 1.03 });
    }
  };
  test("a rate that does what it should is kept", () => {
    const probe = new RateProbe();
    play(probe, 1, 60_000);
    expect(probe.works(millis(60_000))).toBe(true);
  });
  test("one that does nothing is given up after three measurements, and tried again after five minutes", () => {
    const probe = new RateProbe();
    play(probe, 0, 5000);
    expect(probe.works(millis(5000))).toBe(true);
    play(probe, 0, 10_000);
    expect(probe.works(millis(10_000))).toBe(false);
    expect(probe.works(millis(400_000))).toBe(true);
  });
  test("a picture that falls behind for want of something else is no measurement", () => {
    const probe = new RateProbe();
    play(probe, -5, 60_000);
    expect(probe.works(millis(60_000))).toBe(true);
  });
  test("stops right after changes count as failures, later ones do not", () => {
    const probe = new RateProbe();
    for (let i = 0; i < 3; i++) {
      probe.step({ now: millis(i * 10_000), error: millis(200), rate: i % 2 === 0 ? 1.03 : 1.02 });
      probe.stopped(millis(i * 10_000 + 5000));
    }
    expect(probe.works(millis(30_000))).toBe(true);
    for (let i = 3; i < 6; i++) {
      probe.step({ now: millis(i * 10_000), error: millis(200), rate: i % 2 === 0 ? 1.03 : 1.02 });
      probe.stopped(millis(i * 10_000 + 200));
    }
    expect(probe.works(millis(60_000))).toBe(false);
  });
});

describe("FM4 without frames, a line through the positions", () => {
  test("positions that change every 40 ms give one that is right within 10 ms", () => {
    const fit = new PositionFit();
    const random = mulberry(3);
    for (let t = 0; t < 3000; t += 10 + random() * 3) {
      const stepped = Math.floor(t / 40) * 0.04 + 5;
      fit.add(millis(t), seconds(stepped));
    }
    expect(Math.abs((fit.at(millis(3000)) ?? 0) - 8)).toBeLessThan(0.01);
  });
  test("nothing before a second of them, after a seek, or when they stand still", () => {
    const fit = new PositionFit();
    for (let t = 0; t < 900; t += 40) fit.add(millis(t), seconds(t / 1000));
    expect(fit.at(millis(900))).toBeUndefined();
    for (let t = 920; t < 2000; t += 40) fit.add(millis(t), seconds(t / 1000));
    expect(fit.at(millis(2000))).toBeDefined();
    for (let t = 2000; t < 4000; t += 40) fit.add(millis(t), seconds(2));
    expect(fit.at(millis(4000))).toBeUndefined();
    fit.add(millis(4040), seconds(60));
    expect(fit.at(millis(4050))).toBeUndefined();
  });
});

describe("PM1 P by the timeline, else by the dates of the playlist", () => {
  const feed = {
    ticksAt: (at: Seconds) => (at < 100 ? ticks(at * 90_000 + 900_000) : undefined),
    positionOf: (wanted: number) => seconds((wanted - 900_000) / 90_000),
    dateAt: (at: Seconds) => micros(R + 5000 + at * 1e6),
    positionOfDate: (instant: number) => seconds((instant - R - 5000) / 1e6),
  };
  const line = {
    epoch: 1,
    rev: 1,
    state: "locked",
    scale: 90_000,
    points: [[900_000, micros(R)]],
    latency_ms: millis(3000),
    live: true,
  } as const;
  test("of a foreign origin, by the dates", () => {
    const map = new PictureMap(feed);
    expect(map.instantOf(seconds(2))).toBe(R + 2_005_000);
    expect(map.positionOf(micros(R + 2_005_000))).toBeCloseTo(2, 9);
    expect(map.instantOfMedia(ticks(0))).toBeUndefined();
  });
  test("with a timeline, by that; where it does not reach, by the dates", () => {
    const map = new PictureMap(feed);
    map.timeline = line;
    expect(map.instantOf(seconds(2))).toBe(R + 2_000_000);
    expect(map.positionOf(micros(R + 2_000_000))).toBeCloseTo(2, 9);
    expect(map.instantOf(seconds(200))).toBe(R + 200_005_000);
  });
});

describe("CA1 cues in the playlist and in the media", () => {
  const range = (json: string, more: object = {}) => ({
    class: IN_BAND_CLASS,
    startDate: new Date(R / 1000),
    attr: { "X-CUELIGHT-CUE": json, ...more },
  });
  const json = JSON.stringify(object);
  const quoted = json.replaceAll("%", "%25").replaceAll('"', "%22");

  test("a date range is a cue, told once", () => {
    const told = new Set<string>();
    const [first, ...rest] = carriedByRanges({ "cue-c1-r2": range(quoted) }, told);
    expect(rest).toEqual([]);
    expect(first?.cue).toMatchObject({ id: "c1", rev: 2, state: "armed", o_us: R + L, window_ms: 20_000 });
    expect(first?.at).toBe(R);
    expect(carriedByRanges({ "cue-c1-r2": range(quoted) }, told)).toEqual([]);
  });
  test("a cancelled one is withdrawn; others, and what cannot be read, are none", () => {
    const cancelled = range(quoted, { "X-CUELIGHT-CANCELLED": "YES" });
    expect(carriedByRanges({ a: cancelled }, new Set())[0]?.cue.state).toBe("cancelled");
    const odd = { ...range(quoted), class: "com.example.ad" };
    const broken = { a: odd, b: range("{"), c: range("%"), d: range("{}"), e: undefined };
    expect(carriedByRanges(broken, new Set())).toEqual([]);
  });
  test("an event in the media is the same cue", () => {
    const told = new Set<string>();
    expect(carriedByEvents([{ data: id3(IN_BAND_CLASS, json) }], told)[0]?.cue.id).toBe("c1");
    expect(carriedByRanges({ "cue-c1-r2": range(quoted) }, told)).toEqual([]);
    expect(carriedByEvents([{ data: id3("other", json) }, { data: new Uint8Array(4) }], new Set())).toEqual(
      [],
    );
  });
  test("any bytes are survived", () => {
    const random = mulberry(9);
    const whole = id3(IN_BAND_CLASS, json);
    for (let i = 0; i < 500; i++) {
      const tag = whole.slice(0, Math.floor(random() * whole.length));
      for (let n = 0; n < 3 && tag.length > 0; n++) tag[Math.floor(random() * tag.length)] = random() * 256;
      expect(carriedByEvents([{ data: tag }], new Set()).length).toBeLessThanOrEqual(1);
    }
    expect(() => readCarried("[]")).toThrow(ShapeError);
    expect(() => fromAttribute("%zz")).toThrow(ShapeError);
  });
});

/** An ID3v2.4 tag with one user defined text. */
function id3(name: string, text: string): Uint8Array {
  const body = new TextEncoder().encode(`\u0003${name}\0${text}`);
  const size = (n: number): number[] => [n >> 21, n >> 14, n >> 7, n].map((b) => b & 0x7f);
  const head = [...new TextEncoder().encode("ID3"), 4, 0, 0, ...size(body.length + 10)];
  return Uint8Array.from([...head, ...new TextEncoder().encode("TXXX"), ...size(body.length), 0, 0, ...body]);
}

describe("CA2 a page that only reads the playlist opens at its own frame", () => {
  test("R is P of the picture plus what O is behind the media", () => {
    const clock = new PictureClock();
    expect(clock.at(millis(0))).toBeUndefined();
    for (let i = 0; i < 10; i++) clock.shown(micros(R + i * 40_000), millis(500 + i * 40));
    clock.latency = micros(L);
    expect(clock.at(millis(500))).toBe(R + L);
    expect(clock.localAt(micros(R + L))).toBeCloseTo(500, 6);
    expect(clock.synced(millis(900))).toBe(true);
    expect(clock.synced(millis(4000))).toBe(false);
  });
  test("T is on screen when the clock shows O, and nobody can answer", async () => {
    const { seal, key } = await sealed(
      { title: "Tea?", options: ["a", "b"] },
      { channel: "show", cue: "c1", rev: 2 },
    );
    const asked: string[] = [];
    const room = new PlaylistRoom({
      channel: "show",
      server: "https://live.example",
      random: () => 0,
      fetch: async (url) => {
        asked.push(url);
        return { ok: true, json: async () => ({ kid: seal.kid, key }) };
      },
    });
    const stop = new AbortController();
    const done = room.run({ signal: stop.signal });
    const now = performance.now();
    room.shown(micros(R - 200_000), millis(now)); // T comes in 200 ms
    const text = JSON.stringify({ ...object, seal, keys: "/elsewhere/key" });
    room.carried(readCarried(text, micros(R)));
    expect((room.clock.localAt(micros(R + L)) ?? 0) - now).toBeCloseTo(200, 3);
    await new Promise<void>((resolve) => {
      room.room.subscribe(
        () => {
          if (room.room.getState().cues.get("c1")?.text !== undefined) resolve();
        },
        { signal: stop.signal },
      );
    });
    expect(asked).toEqual(["https://live.example/elsewhere/key"]);
    expect(room.answers).toBe(false);
    expect(room.report()).toBe(false);
    stop.abort();
    await done;
  });
});

describe("ST8 stuck is who cannot hold L for 30 s for want of media", () => {
  const view = (phase: PlayerPhase, buffer: number, inStep = true) => ({
    phase,
    buffer: millis(buffer),
    class: inStep ? ("in" as const) : ("near" as const),
  });
  const run = (look: (t: number) => ReturnType<typeof view>, visible = true): number | undefined => {
    const meter = new StuckMeter();
    for (let t = 0; t < 90_000; t += 100) if (meter.step(look(t), visible, millis(t))) return t;
    return undefined;
  };
  test("stalls again and again", () => {
    expect(run((t) => view(t % 4000 < 1000 ? "stalled" : "playing", 900))).toBe(30_000);
  });
  test("a buffer below its floor", () => {
    expect(run(() => view("playing", 200))).toBe(30_000);
  });
  test.each([
    ["plays well", () => view("playing", 900), true],
    ["stalls once", (t: number) => view(t > 1000 && t < 5000 ? "stalled" : "playing", 900), true],
    ["is behind with a full buffer", () => view("playing", 900, false), true],
    ["is hidden", () => view("stalled", 0), false],
    ["is paused", () => view("paused", 0), true],
  ] as const)("not who %s", (_, look, visible) => {
    expect(run(look, visible)).toBeUndefined();
  });
});

test("WL3 a bridge without samples guesses nothing", () => {
  const clock = new BridgedClock();
  clock.guess(micros(R), millis(0));
  expect(clock.at(millis(0))).toBeUndefined();
});
