/** Real browsers, one process each, so that nothing is shared between viewers. */
import { readFileSync } from "node:fs";
import { type Browser, chromium, type Page } from "playwright-core";
import { hostMicros, WIDTH } from "./source.ts";

const FRAME_CODE = readFileSync(new URL("../framecode/framecode.mjs", import.meta.url), "utf8");

/** What keeps Chromium quiet on a machine without a network, and a hidden window at full speed. */
export const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--mute-audio",
  "--autoplay-policy=no-user-gesture-required",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--no-first-run",
  "--disable-background-timer-throttling",
  "--disable-backgrounding-occluded-windows",
  "--disable-renderer-backgrounding",
];

/** Chromium's program, unless told otherwise. */
export const CHROMIUM = process.env["CHROMIUM"] ?? "/usr/bin/chromium";

export interface LaunchOptions {
  /** What is run; default {@link CHROMIUM}. */
  readonly program?: string;
  /** Further flags. */
  readonly flags?: readonly string[];
}

export async function launch({ program = CHROMIUM, flags = [] }: LaunchOptions = {}): Promise<Browser> {
  return chromium.launch({ executablePath: program, headless: true, args: [...FLAGS, ...flags] });
}

/** How long a page may take to show its video, and the video to move. */
const PLAY_TIMEOUT_MS = 40_000;

/** Waits until the page's video moves. A player that holds its first frame for its instant is not there yet. */
export async function playing(page: Page): Promise<void> {
  await page.locator("video").evaluate(
    (video: HTMLVideoElement, patience) =>
      new Promise<void>((resolve, reject) => {
        const began = performance.now();
        const look = () => {
          const { paused, readyState, currentTime, error } = video;
          if (!paused && readyState >= 3 && currentTime > 0) resolve();
          else if (performance.now() - began < patience) requestAnimationFrame(look);
          else {
            const how = JSON.stringify({ paused, readyState, currentTime, error: error?.message });
            reject(new Error(`the video does not play: ${how}`));
          }
        };
        look();
      }),
    PLAY_TIMEOUT_MS,
    { timeout: PLAY_TIMEOUT_MS },
  );
}

/**
 * Sets the page's wall clock wrong by `ms`, before any of its scripts runs.
 * The monotonic clock stays, as on a real device.
 */
export async function shiftWallClock(page: Page, ms: number): Promise<void> {
  await page.addInitScript((shift: number) => {
    const Real = Date;
    const now = Real.now.bind(Real);
    globalThis.Date = new Proxy(Real, {
      construct: (target, args: []) => (args.length === 0 ? new target(now() + shift) : new target(...args)),
      get: (target, key) => (key === "now" ? () => now() + shift : Reflect.get(target, key)),
    });
  }, ms);
}

/** A script that makes the frame code readable in a page, as `frameCode`. */
export const FRAME_CODE_SCRIPT = `(() => {\n${FRAME_CODE.replace(/^export /gm, "")}\nglobalThis.frameCode = { decode, AREA };\n})();`;

/** Makes the frame code readable in the page and starts logging displayed frames. */
export async function logFrames(page: Page): Promise<void> {
  await page.addInitScript({ content: FRAME_CODE_SCRIPT });
}

/** One displayed frame: its number, and when it was due on the screen by the page's clock. */
export interface Displayed {
  readonly n: number;
  readonly ms: number;
  /** Its programme date, in ms, where the page has a function `dateOf` for positions in the video. */
  readonly date?: number;
}

/** Begins to read the code of every displayed frame; {@link displayed} fetches them. */
export async function watchFrames(page: Page): Promise<void> {
  await page.evaluate((coded) => {
    const { decode, AREA } = (globalThis as never as { frameCode: FrameCode }).frameCode;
    const { dateOf } = globalThis as never as { dateOf?: (mediaTime: number) => number | undefined };
    const find = (root: ParentNode): HTMLVideoElement | undefined => {
      for (const element of root.querySelectorAll("*")) {
        if (element instanceof HTMLVideoElement) return element;
        const inside = element.shadowRoot === null ? undefined : find(element.shadowRoot);
        if (inside !== undefined) return inside;
      }
      return undefined;
    };
    const video = find(document);
    if (video === undefined) throw new Error("there is no video on the page");
    const canvas = document.createElement("canvas");
    canvas.width = AREA.width;
    canvas.height = AREA.height;
    const context = canvas.getContext("2d", { willReadFrequently: true });
    if (context === null) throw new Error("no canvas");
    const log: { n: number; ms: number; date?: number }[] = [];
    Object.assign(globalThis, { frameLog: log });
    const read: VideoFrameRequestCallback = (_now, frame) => {
      const k = video.videoWidth / coded;
      const [x, y, w, h] = [AREA.x * k, AREA.y * k, AREA.width * k, AREA.height * k];
      context.drawImage(video, x, y, w, h, 0, 0, AREA.width, AREA.height);
      const picture = context.getImageData(0, 0, AREA.width, AREA.height);
      const n = decode(picture, 1, { x: 0, y: 0 });
      const date = dateOf?.(frame.mediaTime);
      if (n !== undefined)
        log.push({ n, ms: frame.expectedDisplayTime, ...(date === undefined ? {} : { date }) });
      video.requestVideoFrameCallback(read);
    };
    video.requestVideoFrameCallback(read);
  }, WIDTH);
}

interface FrameCode {
  decode(picture: ImageData, scale: number, origin: { x: number; y: number }): number | undefined;
  readonly AREA: { readonly x: number; readonly y: number; readonly width: number; readonly height: number };
}

export async function displayed(page: Page): Promise<readonly Displayed[]> {
  return page.evaluate(() => (globalThis as never as { frameLog: Displayed[] }).frameLog);
}

/**
 * Learns what to add to the page's `performance.now()`, in ms, to get this
 * process's {@link hostMicros} / 1000: the exchange with the shortest round
 * trip of fifty.
 */
export async function calibrate(page: Page): Promise<{ offset: number; error: number }> {
  let best = { offset: 0, error: Number.POSITIVE_INFINITY };
  for (let i = 0; i < 50; i++) {
    const sent = hostMicros() / 1000;
    const there = await page.evaluate(() => performance.now());
    const back = hostMicros() / 1000;
    const error = (back - sent) / 2;
    if (error < best.error) best = { offset: sent + error - there, error };
  }
  return best;
}
