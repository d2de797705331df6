/**
 * What a broadcast does to its viewers when it changes: a long outage, another
 * size, a codec that the browser does not have, several qualities.
 */
import { setTimeout as delay } from "node:timers/promises";
import type { Browser } from "playwright-core";
import { afterEach, beforeEach, expect, test } from "vitest";
import { launch, playing } from "./browser.ts";
import { report } from "./figures.ts";
import { figuresOf, notices, openWatchers, type Passage, passage, watchNotices } from "./outage.ts";
import { seen, servePlayer } from "./players.ts";
import { CHANNEL, onAir, type Server, startServer } from "./server.ts";
import { startSource } from "./source.ts";

let server: Server;
let browsers: Browser[] = [];

/** How long the dates of a new session are steered, until the timeline knows the encoder's clock. */
const STEERED_MS = 25_000;

const LADDER = `channels:
  ${CHANNEL}:
    renditions:
      - {height: 90, bitrate: 100k}
`;

beforeEach(async ({ task }) => {
  server = await startServer(task.name.includes("qualities") ? LADDER : "");
});

afterEach(async () => {
  await Promise.all(browsers.map((browser) => browser.close()));
  browsers = [];
  expect(await server?.stop(), server?.log()).toBe(0);
});

function carriedOn(passages: readonly Passage[]): void {
  for (const { name, problems, backMs, dateMovedMs } of passages) {
    expect(problems, name).toEqual([]);
    expect(backMs, name).toBeLessThan(15_000);
    expect(Math.abs(dateMovedMs), name).toBeLessThan(300);
  }
}

test("players carry on after an outage of 20 s", async () => {
  const source = { url: server.rtmp, format: "flv" } as const;
  const passages = await passage({ server, first: source, second: source, seconds: 20 }, browsers);
  report("outage-20s", figuresOf(passages));
  carriedOn(passages);
  expect(passages[0]?.notices, "words over the standing picture").not.toEqual([]);
});

test("players carry on when the encoder comes back with another size", async () => {
  const first = { url: server.rtmp, format: "flv" } as const;
  const second = { ...first, scale: 2 };
  const passages = await passage({ server, first, second, seconds: 1 }, browsers);
  report("another-size", figuresOf(passages));
  carriedOn(passages);
});

test("HEVC where there is no decoder: our page says so, and plays on when H.264 is back", async () => {
  const before = startSource({ url: server.rtmp, format: "flv" });
  const watchers = await openWatchers(server, browsers);
  await Promise.all(watchers.map(({ page }) => playing(page)));
  const [watch] = watchers;
  if (watch === undefined) throw new Error("no watcher");
  const hevc = await watch.page.evaluate(() =>
    MediaSource.isTypeSupported('video/mp4; codecs="hvc1.1.6.L60.90"'),
  );
  expect(hevc, "this Chromium has an HEVC decoder, so there is nothing to see").toBe(false);
  await watchNotices(watch.page);
  await before.stop();

  const coded = startSource({ url: server.srt, format: "mpegts", codec: "hevc", first: 100_000 });
  await delay(12_000);
  await coded.stop();
  const words = await notices(watch.page);
  const problems = await Promise.all(watchers.map((watcher) => watcher.problems()));
  report("hevc", {
    "watch page: words": words.join(" | ") || "none",
    "watch page: problems": problems[0]?.join(" | ") || "none",
    "hls.js: fatal": problems[1]?.join(" | ") || "none",
  });

  const after = startSource({ url: server.rtmp, format: "flv", first: 200_000 });
  await playing(watch.page).finally(() => after.stop());
  expect(problems[0]).toEqual([]);
  expect(words.join(" ")).toMatch(/cannot play/i);
});

test("hls.js switches between the qualities without a stall", async () => {
  const source = startSource({ url: server.rtmp, format: "flv" });
  const index = await onAir(server);
  await expect
    .poll(async () => (await (await fetch(index)).text()).match(/#EXT-X-STREAM-INF/g)?.length, {
      timeout: 30_000,
    })
    .toBe(2);
  await delay(STEERED_MS);
  const player = await servePlayer("hls.js", index);
  const browser = await launch();
  browsers.push(browser);
  const page = await browser.newPage();
  await page.goto(player.address);
  await playing(page);
  await delay(4_000);
  const before = (await seen(page)).stalls;
  const moved: number[] = [];
  for (const level of [0, 1, 0, 1, 0, 1]) {
    await page.evaluate((to) => {
      (globalThis as never as { player: { loadLevel: number } }).player.loadLevel = to;
    }, level);
    await delay(4_000);
    moved.push(await page.locator("video").evaluate((video: HTMLVideoElement) => video.videoHeight));
  }
  const { errors, stalls, levels } = await seen(page);
  report("ladder", {
    "switched to": levels.join(" "),
    "heights shown": moved.join(" "),
    stalls: stalls - before,
    errors: errors.map(({ what }) => what).join(" ") || "none",
  });
  player.close();
  await source.stop();
  expect(errors.filter(({ fatal }) => fatal)).toEqual([]);
  expect(stalls - before).toBe(0);
  expect(new Set(moved).size, "heights shown").toBe(2);
});
