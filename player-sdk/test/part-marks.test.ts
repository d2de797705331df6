import type { LevelDetails } from "hls.js";
import { expect, test } from "vitest";
import { markLoaded, type Ranges } from "../src/player/part-marks.ts";

type Parts = NonNullable<LevelDetails["partList"]>;

/** Parts of a third of a second from `first` on, as hls.js reads them; those of `loaded` are marked. */
function parts(first: number, n: number, loaded: readonly number[], type = "main"): Parts {
  return Array.from({ length: n }, (_, i) => {
    const elementaryStreams: Record<string, unknown> = { audio: null, video: null, audiovideo: null };
    if (loaded.includes(i)) elementaryStreams["video"] = {};
    return {
      start: first + i * 0.33333,
      end: first + (i + 1) * 0.33333,
      gap: false,
      fragment: { type },
      elementaryStreams,
      get loaded() {
        return Object.values(elementaryStreams).some((stream) => stream !== null);
      },
    };
  }) as unknown as Parts;
}

const ranges = (...list: [number, number][]): Ranges => ({
  length: list.length,
  start: (i) => list[i]?.[0] ?? 0,
  end: (i) => list[i]?.[1] ?? 0,
});

test("PM1 a part that is buffered whole is marked, though the playlist was refreshed while it came", () => {
  const partList = parts(43.99999, 6, [2, 3, 4, 5]);
  expect(markLoaded({ partList }, ranges([14.99999, 45.999989]))).toBe(2);
  expect(partList.every((part) => part.loaded)).toBe(true);
});

test("PM1 a part that is not there, or not whole, is left to be loaded", () => {
  const partList = parts(43.99999, 6, [0]);
  expect(markLoaded({ partList }, ranges([40, 44.5], [45.1, 45.8]))).toBe(1);
  expect(partList.map((part) => part.loaded)).toEqual([true, false, false, false, true, false]);
});

test("PM1 sound is marked as sound, a gap and a playlist without parts are left alone", () => {
  const partList = parts(10, 1, [], "audio");
  expect(markLoaded({ partList }, ranges([0, 20]))).toBe(1);
  expect(partList[0]?.elementaryStreams.audio).toMatchObject({ startPTS: 10 });
  const missing = parts(10, 1, []).map((part) => Object.assign(part, { gap: true }));
  expect(markLoaded({ partList: missing }, ranges([0, 20]))).toBe(0);
  expect(markLoaded({ partList: null }, ranges([0, 20]))).toBe(0);
});
