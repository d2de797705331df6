/**
 * Who is let in, who is not, and what they are told. Rules DR of
 * player-sdk/SPEC.md, in a real browser against the real binary.
 */
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import type {} from "../../player-sdk/pages/watch.ts";
import { launch } from "./browser.ts";
import { type Server, startServer } from "./server.ts";

const PATIENCE = { timeout: 20_000, interval: 50 };
const CONFIG = `
channels:
  show: {}
  club:
    identity: { require: pin, pin: "4711" }
  gala:
    identity: { require: link }
`;

let server: Server;
let browser: Browser;

beforeAll(async () => {
  server = await startServer(CONFIG);
  browser = await launch();
});

afterAll(async () => {
  await browser?.close();
  expect(await server?.stop(), server?.log()).toBe(0);
});

async function api<T>(method: string, path: string, body: object = {}): Promise<T> {
  const response = await fetch(`${server.web}/api/v1/channels/${path}`, {
    method,
    headers: { Authorization: `Bearer ${server.token}` },
    ...(method === "GET" ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
  return (text === "" ? {} : JSON.parse(text)) as T;
}

/** A device that nobody has seen before. */
async function device(): Promise<Page> {
  return (await browser.newContext({ viewport: { width: 390, height: 844 } })).newPage();
}

const room = (page: Page) => page.evaluate(() => window.cuelight?.player.activeConnection?.room.getState());

const isIn = (page: Page) => expect.poll(async () => (await room(page))?.link.is, PATIENCE).toBe("open");

/** The door's card, once it is there. */
async function door(page: Page): Promise<string> {
  await page.getByTestId("door").waitFor({ timeout: 15_000 });
  return (await page.getByTestId("door").textContent()) ?? "";
}

test("DR1 a PIN: asked for, refused in words, and taken without another load", async () => {
  const page = await device();
  await page.goto(`${server.web}/watch/club`);
  expect(await door(page)).toMatch(/asks for a PIN/);
  await page.getByRole("textbox", { name: "PIN" }).fill("1234");
  await page.keyboard.press("Enter");
  await expect.poll(() => page.getByTestId("pin-error").textContent(), PATIENCE).toMatch(/not right/);
  await page.getByRole("textbox", { name: "PIN" }).fill("4711");
  await page.getByTestId("pin-enter").click();
  await isIn(page);
  await expect.poll(() => page.getByTestId("door").count(), PATIENCE).toBe(0);
  expect((await room(page))?.grade).toBe("pin");
  await page.reload();
  await isIn(page);
  expect(await page.getByTestId("door").count(), "the device is known by now").toBe(0);
});

test("DR1 who was removed is told so, and may come back; who is banned may not", async () => {
  const page = await device();
  await page.goto(`${server.web}/watch/show`);
  await isIn(page);
  const who = `show/participants/${(await room(page))?.participant}`;
  await api("POST", `${who}/kick`);
  expect(await door(page)).toMatch(/removed you/);
  await page.getByTestId("door-reload").click();
  await isIn(page);
  await api("POST", `${who}/ban`, { for_s: 60, reason: "test" });
  expect(await door(page)).toMatch(/cannot take part/);
  await page.reload();
  expect(await door(page)).toMatch(/cannot take part/);
  await api("DELETE", `${who}/ban`);
  await page.reload();
  await isIn(page);
});

test("DR2 a one-time link leaves the address bar, lets one device in, and no other", async () => {
  const { links } = await api<{ links: string[] }>("POST", "gala/links", { count: 1, for_s: 600 });
  const url = new URL(links[0] ?? "");
  expect(url.hash).toMatch(/^#link=/);
  const address = `${server.web}/watch/gala${url.hash}`;
  const page = await device();
  await page.goto(address);
  await isIn(page);
  expect(await page.evaluate(() => location.href)).toBe(`${server.web}/watch/gala`);
  expect((await room(page))?.grade).toBe("link");
  await page.reload();
  await isIn(page);

  const other = await device();
  await other.goto(address);
  expect(await door(other)).toMatch(/used on another device/);
  const bare = await device();
  await bare.goto(`${server.web}/watch/gala`);
  expect(await door(bare)).toMatch(/link/);
});
