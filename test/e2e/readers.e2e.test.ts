/** Players that are not ours, as they come, play the stream of an encoder with B-frames. */
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { launch, playing } from "./browser.ts";
import { report } from "./figures.ts";
import { latency, type PlayerKind, seen, servePlayer } from "./players.ts";
import { onAir, type Server, startServer } from "./server.ts";
import { type Source, startSource } from "./source.ts";

/** How far playback has to get, in s. */
const PLAYED = 6;

let server: Server;
let source: Source;
let browser: Browser;
let index = "";

beforeAll(async () => {
  server = await startServer();
  source = startSource({ url: server.rtmp, format: "flv", reorder: 2 });
  browser = await launch();
  index = await onAir(server);
  await whole(4);
});

afterAll(async () => {
  await browser?.close();
  await source?.stop();
  expect(await server?.stop(), server?.log()).toBe(0);
});

/**
 * Waits until so many segments are whole. Shaka 5.2 looks for captions in three
 * segments that it takes from all over the playlist; of a playlist with fewer
 * it takes the open one, which has no URI yet, and gives up.
 */
async function whole(segments: number): Promise<void> {
  const playlist = new URL("video.m3u8", index);
  for (let msn = 0, listed = 0; listed < segments; ) {
    const answer = await fetch(`${playlist}${msn === 0 ? "" : `?_HLS_msn=${msn}`}`);
    const text = await answer.text();
    expect(answer.status, text).toBe(200);
    listed = text.match(/^#EXTINF:/gm)?.length ?? 0;
    msn = Number(/^#EXT-X-MEDIA-SEQUENCE:(\d+)$/m.exec(text)?.[1]) + listed;
  }
}

test.concurrent.each(["hls.js", "shaka"] satisfies PlayerKind[])(
  "%s plays without an error",
  async (kind) => {
    const player = await servePlayer(kind, index);
    const page = await browser.newPage();
    const thrown: string[] = [];
    page.on("pageerror", (error) => thrown.push(error.message));
    try {
      await page.goto(player.address);
      await playing(page);
      const at = () => page.locator("video").evaluate((video: HTMLVideoElement) => video.currentTime);
      const from = await at();
      await expect
        .poll(at, { timeout: 3 * PLAYED * 1000, message: `currentTime, begun at ${from}` })
        .toBeGreaterThan(from + PLAYED);
      const { errors, stalls } = await seen(page);
      const { totalVideoFrames, droppedVideoFrames } = await page
        .locator("video")
        .evaluate((video: HTMLVideoElement) => {
          const { totalVideoFrames, droppedVideoFrames } = video.getVideoPlaybackQuality();
          return { totalVideoFrames, droppedVideoFrames };
        });
      report(`reader-${kind}`, {
        "frames shown": totalVideoFrames,
        "frames dropped": droppedVideoFrames,
        "behind the live edge, by its own account, s": await latency(page),
        stalls: stalls,
      });
      expect([...errors.map(({ what, why }) => `${what}: ${why}`), ...thrown]).toEqual([]);
      // Of 30 a second: a page that is not in front shows fewer.
      expect(totalVideoFrames).toBeGreaterThan(PLAYED * 5);
    } finally {
      await page.close();
      player.close();
    }
  },
);
