/**
 * What becomes of a viewer whose network is bad: cut and back, a proxy that
 * refuses WebSockets, a page that is loaded anew or hidden. Rules CN, TP, AN
 * and KF of player-sdk/SPEC.md, in real browsers against the real binary.
 */
import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import type {} from "../../player-sdk/pages/watch.ts";
import type { Millis } from "../../player-sdk/src/core/units.ts";
import { launch, playing } from "./browser.ts";
import { type Gate, openGate } from "./gate.ts";
import { overlayOpenings, watchOverlay } from "./overlay.ts";
import { CHANNEL, onAir, type Server, startServer } from "./server.ts";
import { type Source, startSource } from "./source.ts";
import { openTabs } from "./tabs.ts";

/** A machine that is busy with other work is given this much. */
const PATIENCE = { timeout: 20_000, interval: 50 };

let server: Server;
let source: Source;
let browser: Browser;
const gates: Gate[] = [];

beforeAll(async () => {
  server = await startServer(`channels:\n  ${CHANNEL}:\n    latency: 3s\n`);
  source = startSource({ url: server.srt, format: "mpegts" });
  await onAir(server);
  browser = await launch();
});

afterEach(async () => {
  await Promise.all(browser.contexts().map((context) => context.close()));
  await Promise.all(gates.splice(0).map((gate) => gate.close()));
  await clear();
});

afterAll(async () => {
  await browser?.close();
  await source?.stop();
  expect(await server?.stop(), server?.log()).toBe(0);
});

interface Cue {
  readonly id: string;
  readonly rev: number;
  readonly state: string;
  readonly o_us: number;
  readonly c_us: number;
}

async function api<T>(method: string, path: string, body: object = {}): Promise<T> {
  const response = await fetch(`${server.web}/api/v1/channels/${CHANNEL}${path}`, {
    method,
    headers: { Authorization: `Bearer ${server.token}` },
    ...(method === "GET" ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
  return JSON.parse(text) as T;
}

/** Prepares a poll and takes it. */
async function take(window_ms = 8000, more: object = {}): Promise<Cue> {
  const options = ["Stage left", "Stage right"];
  const body = { kind: "poll", title: "Which side?", options, results: "live", window_ms, ...more };
  const { id } = await api<Cue>("POST", "/cues", body);
  return api<Cue>("POST", `/cues/${id}/take`);
}

const tallyOf = (cue: Cue): Promise<{ total: number; counts: number[] }> =>
  api("GET", `/cues/${cue.id}/tally`);

const cues = async (): Promise<readonly Cue[]> => (await api<{ cues: Cue[] }>("GET", "/cues")).cues;

/** Waits until the tally of a cue is final. */
async function over(cue: Cue): Promise<void> {
  const state = async () => (await cues()).find((c) => c.id === cue.id)?.state;
  await expect.poll(state, PATIENCE).toMatch(/closed|revealed|void|cancelled/);
}

/** Closes a window, and waits until its tally is final. */
async function close(cue: Cue): Promise<void> {
  await api("POST", `/cues/${cue.id}/close`);
  await over(cue);
}

/** Takes away what a test has left on air. */
async function clear(): Promise<void> {
  for (const cue of await cues()) {
    if (!["armed", "scheduled", "keyed", "open", "closing"].includes(cue.state)) continue;
    await api("POST", `/cues/${cue.id}/cancel`).catch(() => undefined); // it ended by itself
    await over(cue);
  }
}

async function gate(): Promise<Gate> {
  const made = await openGate(server.web);
  gates.push(made);
  return made;
}

/** Opens the watch page and waits until it is connected and its clock synced. */
async function watch(web: string, query = ""): Promise<Page> {
  const page = await (await browser.newContext({ viewport: { width: 640, height: 480 } })).newPage();
  await page.goto(`${web}/watch/${CHANNEL}${query}`);
  await connected(page);
  return page;
}

const connected = (page: Page) =>
  expect
    .poll(
      () =>
        page.evaluate(() => {
          const line = window.cuelight?.player.activeConnection;
          return line?.room.getState().link.is === "open" && line.clock.synced(performance.now() as Millis);
        }),
      PATIENCE,
    )
    .toBe(true);

const linkOf = (page: Page) =>
  page.evaluate(() => window.cuelight?.player.activeConnection?.room.getState().link);

const openingOf = async (page: Page, cue: Cue) =>
  (await page.evaluate(() => window.cuelight?.openings ?? [])).find((o) => o.cue === cue.id);

const phase = (page: Page, want: string) =>
  page.locator(`[data-testid="overlay"][data-phase="${want}"]`).waitFor({ timeout: 20_000 });

/** Waits until the window is open on this page, and a person could have read the question. */
const opened = async (page: Page, cue: Cue) => {
  await expect.poll(async () => (await openingOf(page, cue))?.cue, PATIENCE).toBe(cue.id);
  const read = () => page.evaluate((o) => (window.cuelight?.now() ?? 0) - o, cue.o_us);
  await expect.poll(read, PATIENCE).toBeGreaterThan(300_000);
};

const receiptText = (page: Page) => page.getByTestId("receipt").textContent();

/** Waits for the receipt of this page's answer. */
const counted = (page: Page) => expect.poll(() => receiptText(page), PATIENCE).toContain("Counted");

/** A viewer who is never cut off: the offsets of what it hears. */
async function observer(): Promise<{ offsets: () => Promise<readonly number[]> }> {
  const page = await (await browser.newContext()).newPage();
  await page.goto(`${server.web}/api/v1/openapi.json`);
  await page.evaluate((channel) => {
    const offsets: number[] = [];
    const socket = new WebSocket(`ws://${location.host}/ws/v1`, "cuelight.v1.json");
    socket.onopen = () => socket.send(JSON.stringify({ t: "hello", v: 1, channel }));
    socket.onmessage = ({ data }) => {
      const { off } = typeof data === "string" ? JSON.parse(data) : {};
      if (off !== undefined) offsets.push(off);
    };
    Object.assign(globalThis, { offsets });
  }, CHANNEL);
  return { offsets: () => page.evaluate(() => (globalThis as never as { offsets: number[] }).offsets) };
}

test("CN8 CN9 a network that is cut and comes back: resumed within 5 s, nothing lost, nothing twice", async () => {
  const way = await gate();
  const steady = await observer();
  const page = await watch(way.web);
  const context = page.context();
  const cdp = await context.newCDPSession(page);
  const offline = (yes: boolean) =>
    cdp.send("Network.emulateNetworkConditions", {
      ...{ offline: yes, latency: 0, downloadThroughput: -1, uploadThroughput: -1 },
    });
  await cdp.send("Network.enable");
  const cue = await take(20_000);
  await expect.poll(() => way.heard.some((m) => m.off !== undefined), PATIENCE).toBe(true);

  way.cut();
  await offline(true);
  await expect.poll(async () => (await linkOf(page))?.is, PATIENCE).not.toBe("open");
  await api("POST", `/cues/${cue.id}/extend`, { by_ms: 2000 });
  const before = way.heard.length;
  way.restore();
  const began = performance.now();
  await offline(false);
  await expect.poll(async () => (await linkOf(page))?.is, PATIENCE).toBe("open");
  const took = performance.now() - began;
  expect(took, "ms until resumed").toBeLessThan(5000);
  const welcome = way.heard.slice(before).find((m) => m.t === "welcome");
  expect(welcome?.resumed, JSON.stringify(welcome)).toBe(true);

  await opened(page, cue);
  await page.getByTestId("option-0").click();
  await counted(page);
  const C = () =>
    page.evaluate(
      (id) => window.cuelight?.player.activeConnection?.room.getState().cues.get(id)?.c_us,
      cue.id,
    );
  expect(await C(), "the extension that it missed").toBe(cue.c_us + 2_000_000);
  await close(cue);
  const mine = () => way.heard.flatMap((m) => m.off ?? []);
  const first = mine()[0] ?? 0;
  await expect
    .poll(async () => (await steady.offsets()).filter((off) => off >= first).join(), PATIENCE)
    .toBe(mine().join());
  expect(mine().length).toBeGreaterThan(4);
});

test("TP1 TP3 a network that refuses WebSockets: the page plays, opens on time and answers over HTTP", async () => {
  const way = await gate();
  way.refuse(["GET /ws/v1"]);
  const page = await watch(way.web);
  expect(await linkOf(page)).toMatchObject({ is: "open", via: { transport: "stream", codec: "json" } });
  await playing(page);
  await watchOverlay(page);
  const cue = await take(15_000);
  await opened(page, cue);
  const opening = await openingOf(page, cue);
  expect(opening?.late ?? false, JSON.stringify(opening)).toBe(false);
  expect(Math.abs((opening?.at_us ?? 0) - cue.o_us), JSON.stringify(opening)).toBeLessThan(500_000);
  expect((await overlayOpenings(page)).map((o) => o.cue)).toEqual([cue.id]);
  await page.getByTestId("option-1").click();
  await counted(page);
  expect(await tallyOf(cue)).toMatchObject({ total: 1, counts: [0, 1] });
  expect(await page.getByTestId("status").getAttribute("data-via")).toBe("HTTP stream, JSON");
  expect(way.passed.filter((line) => line.startsWith("GET /ws"))).toEqual([]);
});

test("AN1 loaded anew in the middle of a window: the own answer is there, counted once", async () => {
  const way = await gate();
  const page = await watch(way.web);
  const cue = await take(60_000);
  await opened(page, cue);
  // The answer does not arrive, neither as it is sent nor as the page goes.
  way.mute("GET /ws/v1");
  way.refuse(["POST /api/v1/cues"]);
  await page.getByTestId("option-1").click();
  await page.getByTestId("receipt").getByText("Sending").waitFor();
  expect(await tallyOf(cue)).toMatchObject({ total: 0 });
  const loaded = page.reload();
  await expect.poll(() => way.refusals, { ...PATIENCE, interval: 5 }).toBeGreaterThan(0);
  way.mute("nothing");
  await loaded;
  await counted(page);
  const first = await receiptText(page);
  expect(await tallyOf(cue)).toMatchObject({ total: 1, counts: [0, 1] });
  await page.reload();
  await counted(page);
  expect(await receiptText(page)).toBe(first);
  expect(await page.getByTestId("option-1").getAttribute("aria-pressed")).toBe("true");
  expect(await tallyOf(cue)).toMatchObject({ total: 1, counts: [0, 1] });
  await close(cue);
});

test("KF1 a socket that is cut after the cue was announced: the window opens at O with its text", async () => {
  const way = await gate();
  const page = await watch(way.web);
  const cue = await take(8000);
  const known = () =>
    page.evaluate((id) => window.cuelight?.player.activeConnection?.room.getState().cues.has(id), cue.id);
  await expect.poll(known, { ...PATIENCE, interval: 10 }).toBe(true);
  way.refuse(["GET /ws/v1", "POST /api/v1/stream"]);
  expect(way.end("GET /ws/v1")).toBe(1);
  await opened(page, cue);
  const opening = await openingOf(page, cue);
  expect(Math.abs((opening?.at_us ?? 0) - cue.o_us), JSON.stringify(opening)).toBeLessThan(1_500_000);
  expect(await page.getByTestId("overlay").getByRole("heading").textContent()).toBe("Which side?");
  expect(way.passed.filter((line) => line.includes("/keys/")).length).toBeGreaterThan(0);
  expect((await linkOf(page))?.is).not.toBe("open");
});

test("OP3 CL1 a tab that is hidden through a whole window says so, and shows it closed on its return", async () => {
  const tabs = await openTabs();
  try {
    const page = tabs.first;
    const visibility = () => page.evaluate(() => document.visibilityState);
    await page.goto(`${server.web}/watch/${CHANNEL}`);
    await connected(page);
    await tabs.cover();
    await expect.poll(visibility, PATIENCE).toBe("hidden");
    const cue = await take(4000);
    await over(cue);
    await page.bringToFront();
    await expect.poll(visibility, PATIENCE).toBe("visible");
    await connected(page);
    const shown = page.locator('[data-testid="overlay"]');
    if ((await shown.count()) > 0) expect(await shown.getAttribute("data-phase")).toMatch(/clos|reveal/);
    const opening = await openingOf(page, cue);
    expect(opening === undefined || opening.why === "hidden", JSON.stringify(opening)).toBe(true);
    await api("POST", `/cues/${cue.id}/reveal`);
    await phase(page, "revealed");
  } finally {
    await tabs.close();
  }
});

test("CD1 two browsers, MessagePack and JSON, see the same", async () => {
  const [packed, plain] = [await watch(server.web, "?codec=msgpack"), await watch(server.web)];
  expect(await linkOf(packed)).toMatchObject({ via: { transport: "socket", codec: "msgpack" } });
  expect(await linkOf(plain)).toMatchObject({ via: { transport: "socket", codec: "json" } });
  const cue = await take(30_000);
  for (const page of [packed, plain]) {
    await opened(page, cue);
    await page.getByTestId("option-0").click();
    await counted(page);
  }
  await close(cue);
  await api("POST", `/cues/${cue.id}/reveal`);
  for (const page of [packed, plain]) await phase(page, "revealed");
  const room = (page: Page) =>
    page.evaluate((id) => {
      const state = window.cuelight?.player.activeConnection?.room.getState();
      return { cue: state?.cues.get(id), tally: state?.tallies.get(id), title: state?.title };
    }, cue.id);
  await expect.poll(async () => (await room(packed)).tally?.final, PATIENCE).toBe(true);
  await expect.poll(async () => (await room(plain)).tally?.final, PATIENCE).toBe(true);
  expect(await room(packed)).toEqual(await room(plain));
  expect((await room(plain)).tally).toMatchObject({ total: 2, counts: [2, 0] });
});
