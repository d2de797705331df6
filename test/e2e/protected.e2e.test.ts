/**
 * A broadcast that plays only for those who were let in. Rule DR3 of
 * player-sdk/SPEC.md, in a real browser, with a real encoder, against the real
 * binary.
 */
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { launch, playing } from "./browser.ts";
import { type Server, startServer } from "./server.ts";
import { type Source, startSource } from "./source.ts";

const CONFIG = `
channels:
  show:
    protected: true
    identity: { require: pin, pin: "4711" }
`;

let server: Server;
let source: Source;
let browser: Browser;

beforeAll(async () => {
  server = await startServer(CONFIG);
  source = startSource({ url: server.rtmp, format: "flv" });
  browser = await launch();
});

afterAll(async () => {
  await source?.stop();
  await browser?.close();
  expect(await server?.stop(), server?.log()).toBe(0);
});

/** What the page asked for of the channel's media, and what came. */
function requests(page: Page): string[] {
  const seen: string[] = [];
  page.on("response", (response) => {
    const { pathname } = new URL(response.url());
    if (pathname.startsWith("/hls/show/")) seen.push(`${response.status()} ${pathname}`);
  });
  return seen;
}

test("DR3 the picture comes with the PIN, without another load, and at once on the next visit", async () => {
  const page = await (await browser.newContext({ viewport: { width: 390, height: 844 } })).newPage();
  const seen = requests(page);
  await page.goto(`${server.web}/watch/show`);
  await page.getByTestId("door").waitFor({ timeout: 15_000 });
  expect(seen.filter((line) => line.startsWith("200"))).toEqual([]);
  await page.getByRole("textbox", { name: "PIN" }).fill("4711");
  await page.getByTestId("pin-enter").click();
  await playing(page);
  await page.reload();
  await playing(page);
  expect(await page.getByTestId("door").count()).toBe(0);
});
