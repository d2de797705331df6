/**
 * hls.js as it comes plays for ten minutes without a stall, and our own page
 * beside it. SOAK_SECONDS says for how long instead.
 */
import { setTimeout as delay } from "node:timers/promises";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { calibrate, displayed, playing, watchFrames } from "./browser.ts";
import { type Percentiles, percentiles, report } from "./figures.ts";
import { openWatchers, type Watcher } from "./outage.ts";
import { type Server, startServer } from "./server.ts";
import { type Source, startSource } from "./source.ts";

const SECONDS = Number(process.env["SOAK_SECONDS"] ?? 600);

/** What passes before anything counts. */
const SETTLING_MS = 5_000;

let server: Server;
let source: Source;
const browsers: Browser[] = [];

beforeAll(async () => {
  server = await startServer();
  source = startSource({ url: server.rtmp, format: "flv" });
});

afterAll(async () => {
  await Promise.all(browsers.map((browser) => browser.close()));
  await source?.stop();
  expect(await server?.stop(), server?.log()).toBe(0);
});

/** What a video element has counted. */
interface Counts {
  readonly stalls: number;
  readonly shown: number;
  readonly dropped: number;
}

/** Begins to count how often the page's video waits for media. */
async function count(page: Page): Promise<void> {
  await page.locator("video").evaluate((video: HTMLVideoElement) => {
    const counted = { stalls: 0 };
    Object.assign(globalThis, { counted });
    video.addEventListener("waiting", () => {
      if (!video.seeking) counted.stalls++;
    });
  });
}

async function counts(page: Page): Promise<Counts> {
  return page.locator("video").evaluate((video: HTMLVideoElement) => {
    const { stalls } = (globalThis as never as { counted: { stalls: number } }).counted;
    const { totalVideoFrames: shown, droppedVideoFrames: dropped } = video.getVideoPlaybackQuality();
    return { stalls, shown, dropped };
  });
}

/** Glass to glass of every frame that was read, in ms. */
async function glass({ page }: Watcher): Promise<Percentiles> {
  const { offset } = await calibrate(page);
  const log = await displayed(page);
  return percentiles(
    log.flatMap(({ n, ms }) => {
      const sent = source.frameTimes.get(n);
      return sent === undefined ? [] : [ms + offset - sent / 1000];
    }),
  );
}

test(`players play for ${SECONDS} s without a stall`, { timeout: (SECONDS + 120) * 1000 }, async () => {
  const watchers = await openWatchers(server, browsers);
  await Promise.all(watchers.map(({ page }) => playing(page)));
  await delay(SETTLING_MS);
  const before = new Map<string, Counts>();
  for (const { name, page } of watchers) {
    await watchFrames(page);
    await count(page);
    before.set(name, await counts(page));
  }
  await delay(SECONDS * 1000);

  const figures: Record<string, Percentiles | number | string> = {};
  const stalls: Record<string, number> = {};
  for (const watcher of watchers) {
    const { name } = watcher;
    const now = await counts(watcher.page);
    stalls[name] = now.stalls;
    figures[`${name}: stalls`] = now.stalls;
    figures[`${name}: glass to glass, ms`] = await glass(watcher);
    figures[`${name}: frames shown`] = now.shown - (before.get(name)?.shown ?? 0);
    figures[`${name}: frames dropped`] = now.dropped - (before.get(name)?.dropped ?? 0);
    expect(await watcher.problems(), name).toEqual([]);
  }
  report(`soak-${SECONDS}s`, figures);
  expect(stalls).toEqual({ "watch page": 0, "hls.js": 0 });
});
