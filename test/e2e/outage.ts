/** An encoder that vanishes and comes back, and what players make of it. */
import { setTimeout as delay } from "node:timers/promises";
import type { Browser, Page } from "playwright-core";
import { expect } from "vitest";
import type {} from "../../player-sdk/pages/watch.ts";
import { calibrate, type Displayed, displayed, launch, logFrames, playing, watchFrames } from "./browser.ts";
import { type Percentiles, percentiles } from "./figures.ts";
import { seen, servePlayer } from "./players.ts";
import { CHANNEL, onAir, type Server } from "./server.ts";
import { type Source, type SourceOptions, startSource } from "./source.ts";

/** Number of the first frame after the outage: none from before is as high. */
const SECOND = 100_000;

/** How long a page may take to show the new source. */
const BACK_TIMEOUT_MS = 40_000;

/** A page that watches, ours or another's. */
export interface Watcher {
  readonly name: string;
  readonly page: Page;
  /** What went wrong on it: uncaught errors, and what the player called fatal. */
  problems(): Promise<readonly string[]>;
}

/** What one watcher saw of the way from one source to the next. */
export interface Passage {
  readonly name: string;
  /** The words over the picture, as they came. */
  readonly notices: readonly string[];
  /** The longest that the picture stood still. */
  readonly frozenMs: number;
  /** From the first frame sent by the new source to the first one of it on the screen. */
  readonly backMs: number;
  /** How much the programme date moved against the encoder's own account. */
  readonly dateMovedMs: number;
  /** Glass to glass, at the end. */
  readonly glass: Percentiles;
  readonly problems: readonly string[];
  /** Times that the player waited for media. */
  readonly stalls: number;
}

/** Our watch page and hls.js as it comes, in a browser each, once there is something to watch. */
export async function openWatchers(server: Server, browsers: Browser[]): Promise<Watcher[]> {
  const index = await onAir(server);
  const open = async (name: string, address: string, fatal: (page: Page) => Promise<string[]>) => {
    const browser = await launch();
    browsers.push(browser);
    const page = await browser.newPage({ viewport: { width: 800, height: 600 } });
    const thrown: string[] = [];
    page.on("pageerror", (error) => thrown.push(error.message));
    await logFrames(page);
    await page.goto(address);
    const problems = async () => [...thrown, ...(await fatal(page))];
    return { name, page, problems } satisfies Watcher;
  };
  const player = await servePlayer("hls.js", index);
  try {
    return [
      await ours(await open("watch page", `${server.web}/watch/${CHANNEL}`, async () => [])),
      await open("hls.js", player.address, async (page) =>
        (await seen(page)).errors.filter(({ fatal }) => fatal).map(({ what, why }) => `${what}: ${why}`),
      ),
    ];
  } finally {
    player.close(); // the page has what it needs
  }
}

/** Lets frames of our page be dated as the player dates them. */
async function ours(watcher: Watcher): Promise<Watcher> {
  await watcher.page.evaluate(() => {
    const dateOf = (at: number) => {
      const instant = window.cuelight?.frameInstant(at);
      return instant === undefined ? undefined : instant / 1000;
    };
    Object.assign(globalThis, { dateOf });
  });
  return watcher;
}

/** Begins to note the words over the picture, for {@link notices}, and whether the page is loaded anew. */
export async function watchNotices(page: Page): Promise<void> {
  await page.evaluate(() => {
    const all = (root: ParentNode): Element[] =>
      [...root.querySelectorAll("*")].flatMap((e) => [
        e,
        ...(e.shadowRoot === null ? [] : all(e.shadowRoot)),
      ]);
    const log: string[] = [];
    Object.assign(globalThis, { noticeLog: log, sameDocument: true });
    setInterval(() => {
      const notice = all(document).find((e) => e.getAttribute("data-testid") === "notice");
      const text = notice?.checkVisibility() === true ? (notice.textContent ?? "").trim() : "";
      if (text !== "" && text !== log.at(-1)) log.push(text);
    }, 100);
  });
}

export async function notices(page: Page): Promise<string[]> {
  const { noticeLog, sameDocument } = await page.evaluate(() => {
    const { noticeLog, sameDocument } = globalThis as never as {
      noticeLog?: string[];
      sameDocument?: boolean;
    };
    return { noticeLog, sameDocument };
  });
  expect(sameDocument, "the page was reloaded").toBe(true);
  return noticeLog ?? [];
}

/** Programme date minus the encoder's own date of the same frame, in ms: the middle of all frames since `from`. */
function dateError(log: readonly Displayed[], source: Source): number {
  const errors = log.flatMap(({ n, date }) => {
    const sent = source.frameDates.get(n);
    return date === undefined || sent === undefined ? [] : [date - sent];
  });
  return percentiles(errors).p50;
}

/** Two sources on one channel, and how long there is none between them. */
export interface Journey {
  readonly server: Server;
  readonly first: SourceOptions;
  readonly second: SourceOptions;
  readonly seconds: number;
}

/** From the first source, which is cut off, to the second, so many seconds later. Browsers it opens are added to `browsers`. */
export async function passage(
  { server, first, second, seconds }: Journey,
  browsers: Browser[],
): Promise<Passage[]> {
  const before = startSource(first);
  try {
    const watchers = await openWatchers(server, browsers);
    await Promise.all(watchers.map(({ page }) => playing(page)));
    for (const { page } of watchers) {
      await watchFrames(page);
      await watchNotices(page);
    }
    await delay(5_000);
    await before.kill();
    await delay(seconds * 1000);
    return await afterwards(watchers, before, startSource({ ...second, first: SECOND }));
  } finally {
    await before.kill();
  }
}

async function afterwards(watchers: readonly Watcher[], before: Source, after: Source): Promise<Passage[]> {
  try {
    await Promise.all(watchers.map((watcher) => back(watcher, after)));
    await delay(5_000);
    return await Promise.all(watchers.map((watcher) => account(watcher, before, after)));
  } finally {
    await after.stop();
  }
}

/** Waits until the page shows a frame of this source. */
async function back({ name, page, problems }: Watcher, source: Source): Promise<void> {
  await expect
    .poll(async () => (await displayed(page)).some(({ n }) => n >= SECOND), {
      timeout: BACK_TIMEOUT_MS,
      message: `${name} shows the new source`,
    })
    .toBe(true)
    .catch(async (cause: unknown) => {
      const where = await page.evaluate(() => {
        const video = document.querySelector("video");
        const { saw, noticeLog } = globalThis as never as { saw?: unknown; noticeLog?: unknown };
        const ranges = [...Array(video?.buffered.length ?? 0).keys()].map((i) => [
          video?.buffered.start(i),
          video?.buffered.end(i),
        ]);
        return { at: video?.currentTime, ready: video?.readyState, ranges, saw, noticeLog };
      });
      const told = JSON.stringify({ where, problems: await problems(), ffmpeg: source.stderr() });
      throw new Error(`${name} does not come back: ${told}`, { cause });
    });
}

async function account({ name, page, problems }: Watcher, before: Source, after: Source): Promise<Passage> {
  const log = await displayed(page);
  const { offset } = await calibrate(page);
  const arrived = log.findIndex(({ n }) => n >= SECOND);
  const firstShown = log[arrived]?.ms ?? Number.NaN;
  const began = (after.frameTimes.get(SECOND) ?? Number.NaN) / 1000;
  const glass = log.slice(-60).flatMap(({ n, ms }) => {
    const sent = after.frameTimes.get(n);
    return sent === undefined ? [] : [ms + offset - sent / 1000];
  });
  const stalls = await page.evaluate(() => (globalThis as never as { saw?: { stalls: number } }).saw?.stalls);
  return {
    name,
    notices: await notices(page),
    frozenMs: Math.max(...log.slice(1).map(({ ms }, i) => ms - (log[i]?.ms ?? ms))),
    backMs: firstShown + offset - began,
    dateMovedMs: dateError(log.slice(arrived), after) - dateError(log.slice(0, arrived), before),
    glass: percentiles(glass),
    problems: await problems(),
    stalls: stalls ?? 0,
  };
}

/** The figures of a passage, by name, to be reported. */
export function figuresOf(passages: readonly Passage[]): Record<string, Percentiles | number | string> {
  return Object.fromEntries(
    passages.flatMap(({ name, ...seen }) => [
      [`${name}: picture stood still, ms`, seen.frozenMs],
      [`${name}: new source's first frame, sent to shown, ms`, seen.backMs],
      [`${name}: glass to glass afterwards, ms`, seen.glass],
      [`${name}: date moved, ms`, Number.isNaN(seen.dateMovedMs) ? "not known" : seen.dateMovedMs],
      [`${name}: words`, seen.notices.join(" | ") || "none"],
      [`${name}: problems`, seen.problems.join(" | ") || "none"],
      [`${name}: stalls`, seen.stalls],
    ]),
  );
}
