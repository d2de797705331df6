/**
 * The node that takes the broadcast is killed, and the encoder comes back to
 * another one. Somebody who watches over a third node sees the show go on: on
 * the same timeline, in the same player, with the question that was on its way.
 */
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import type {} from "../../player-sdk/pages/watch.ts";
import { displayed, launch, logFrames, playing, watchFrames } from "./browser.ts";
import { type Node, type Nodes, openNodes } from "./nodes.ts";
import { notices, watchNotices } from "./outage.ts";
import { CHANNEL } from "./server.ts";
import { FPS, type Source, startSource } from "./source.ts";

/** Number of the first frame after the loss: none from before is as high. */
const SECOND = 100_000;
/** A machine that is busy with other work is given this much for anything. */
const PATIENCE = { timeout: 40_000, interval: 100 };
/** A date may move by less than a frame when the timeline is learnt better. */
const FRAME_MS = 1000 / FPS;

/** A window opens in the frame of the display that is nearest to its instant. */
const DISPLAY_US = 1e6 / 60;

let nodes: Nodes;
let first: Node;
let second: Node;
let edge: Node;
let browser: Browser;
const sources: Source[] = [];

beforeAll(async () => {
  nodes = await openNodes(`channels:\n  ${CHANNEL}: {latency: 4s}\n`);
  const leads = ["engine", "studio", "ingest", "origin"];
  [first, second, edge] = await Promise.all([
    nodes.start("first", leads),
    nodes.start("second", leads),
    nodes.start("edge", ["gateway", "origin"]),
  ]);
  browser = await launch();
});

afterAll(async () => {
  await Promise.all(sources.map((source) => source.kill()));
  await browser?.close();
  await nodes?.stop();
});

interface Cue {
  readonly id: string;
  readonly rev: number;
  readonly state: string;
  readonly o_us: number;
}

async function api<T>(method: string, path: string, body: object = {}): Promise<T> {
  const response = await fetch(`${second.web}/api/v1/channels/${CHANNEL}${path}`, {
    method,
    headers: { Authorization: `Bearer ${nodes.token()}` },
    ...(method === "GET" ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
  return JSON.parse(text) as T;
}

/** How far the channel's pictures are, as the edge tells it. */
interface Told {
  readonly msn: number;
  readonly discontinuities: number;
  readonly dates: readonly number[];
}

async function told(): Promise<Told | undefined> {
  const response = await fetch(`${edge.web}/hls/${CHANNEL}/video.m3u8`);
  const text = await response.text();
  if (!response.ok || !text.includes("#EXTINF")) return undefined;
  const number = (tag: string) => Number(new RegExp(`#${tag}:(\\d+)`).exec(text)?.[1] ?? 0);
  const count = (what: RegExp) => text.match(what)?.length ?? 0;
  return {
    msn: number("EXT-X-MEDIA-SEQUENCE") + count(/#EXTINF/g),
    discontinuities: number("EXT-X-DISCONTINUITY-SEQUENCE") + count(/^#EXT-X-DISCONTINUITY$/gm),
    dates: [...text.matchAll(/#EXT-X-PROGRAM-DATE-TIME:(\S+)/g)].map(([, date]) => Date.parse(date ?? "")),
  };
}

/** Opens the watch page over the edge and begins to note what is on the screen. */
async function watch(): Promise<{ page: Page; thrown: readonly string[] }> {
  const page = await browser.newPage({ viewport: { width: 640, height: 480 } });
  const thrown: string[] = [];
  page.on("pageerror", (error) => thrown.push(error.message));
  await logFrames(page);
  await page.goto(`${edge.web}/watch/${CHANNEL}`);
  await playing(page);
  await page.evaluate(() => {
    const dateOf = (at: number) => {
      const instant = window.cuelight?.frameInstant(at);
      return instant === undefined ? undefined : instant / 1000;
    };
    Object.assign(globalThis, { dateOf });
  });
  await watchFrames(page);
  await watchNotices(page);
  return { page, thrown };
}

/** Pushes as encoders do, which come back until they are let in; ends when the page shows the pictures. */
async function comesBack(page: Page): Promise<void> {
  let gone = true;
  const shown = async () => {
    if (gone) {
      const source = startSource({ url: second.rtmp, format: "flv", first: SECOND });
      sources.push(source);
      gone = false;
      void source.exited.then(() => {
        gone = true;
      });
    }
    return (await displayed(page)).some(({ n }) => n >= SECOND);
  };
  await expect.poll(shown, PATIENCE).toBe(true);
}

test("HV1 HV2 the picture goes on over an edge when its home is killed", async () => {
  sources.push(startSource({ url: first.rtmp, format: "flv" }));
  await expect.poll(told, PATIENCE).toBeDefined();
  const { page, thrown } = await watch();
  // Until the player has settled at its latency it may still skip.
  await expect
    .poll(() => page.evaluate(() => window.cuelight?.player.session?.player.view.class), PATIENCE)
    .toBe("in");
  await expect.poll(async () => (await displayed(page)).length, PATIENCE).toBeGreaterThan(FPS);
  const before = await told();
  if (before === undefined) throw new Error("there is no playlist any more");

  const poll = { kind: "poll", title: "Which side?", options: ["Left", "Right"], window_ms: 30_000 };
  const { id } = await api<Cue>("POST", "/cues", poll);
  const cue = await api<Cue>("POST", `/cues/${id}/take`);
  await first.kill();
  await sources[0]?.kill();
  await comesBack(page);

  const opening = async () =>
    (await page.evaluate(() => window.cuelight?.openings ?? [])).filter((o) => o.cue === cue.id);
  await expect.poll(async () => (await opening()).length, PATIENCE).toBe(1);
  const [opened] = await opening();
  expect(opened?.o_us, "the instant that was promised").toBe(cue.o_us);
  expect(opened?.at_us, "not before it").toBeGreaterThan(cue.o_us - DISPLAY_US);

  const log = await displayed(page);
  const back = log.findIndex(({ n }) => n >= SECOND);
  expect(
    log.slice(back).every(({ n }) => n >= SECOND),
    "pictures of before do not come again",
  ).toBe(true);
  const dates = log.flatMap(({ date }) => (date === undefined ? [] : [date]));
  const steps = dates.slice(1).map((date, i) => date - (dates[i] ?? date));
  expect(dates.length).toBeGreaterThan(FPS);
  expect(Math.min(...steps), `the picture's date goes back: ${steps.filter((s) => s < 0)}`).toBeGreaterThan(
    -FRAME_MS,
  );

  const after = await told();
  if (after === undefined) throw new Error("there is no playlist any more");
  expect(after.msn).toBeGreaterThan(before.msn);
  expect(after.discontinuities - before.discontinuities, "one discontinuity").toBe(1);
  expect([...after.dates].sort((a, b) => a - b)).toEqual(after.dates);
  expect(after.dates.at(-1) ?? 0).toBeGreaterThan(before.dates.at(-1) ?? Number.NaN);

  const shown = (await displayed(page)).length;
  await expect.poll(async () => (await displayed(page)).length, PATIENCE).toBeGreaterThan(shown + FPS);
  await notices(page); // says whether the page was loaded anew
  expect(thrown).toEqual([]);
});
