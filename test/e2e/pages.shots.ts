/**
 * The pictures in the docs: the real demo, seen on a desktop and on a phone, in
 * every state that matters. `make screenshots` takes them again.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { expect, test } from "vitest";
import { launch } from "./browser.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const IMAGES = `${ROOT}docs/images/`;

const DESKTOP = { viewport: { width: 1280, height: 800 }, colorScheme: "dark" } as const;
const PHONE = {
  viewport: { width: 390, height: 844 },
  deviceScaleFactor: 2,
  isMobile: true,
  hasTouch: true,
  colorScheme: "light",
} as const;
const CONSOLE = { viewport: { width: 1440, height: 900 }, colorScheme: "dark" } as const;

/** Starts the demo on ports of its own and returns its addresses. */
async function demo(): Promise<{ watch: string; studio: string; stop: () => Promise<void> }> {
  const any = "127.0.0.1:0";
  const args = ["demo", "--http", any, "--rtmp", any, "--srt", any, "--rtsp", any, "--admin", any];
  const child = spawn(`${ROOT}bin/cuelight`, args, { stdio: ["ignore", "pipe", "ignore"] });
  const found = new Map<string, string>();
  for await (const line of createInterface({ input: child.stdout })) {
    const [, what, where] = /^ {2}(\w+) +(http\S+)$/.exec(line) ?? [];
    if (what !== undefined && where !== undefined) found.set(what, where);
    if (found.has("watch") && found.has("studio")) break;
  }
  return {
    watch: found.get("watch") ?? "",
    studio: found.get("studio") ?? "",
    stop: async () => {
      child.kill("SIGTERM");
      await once(child, "exit");
    },
  };
}

async function open(browser: Browser, options: BrowserContextOptions, url: string): Promise<Page> {
  const page = await (await browser.newContext(options)).newPage();
  await page.goto(url);
  return page;
}

const shoot = (page: Page, name: string) => page.screenshot({ path: `${IMAGES}${name}.png` });

test("pictures for the docs", async () => {
  mkdirSync(IMAGES, { recursive: true });
  const { watch, studio, stop } = await demo();
  const browser = await launch();
  try {
    const producer = await open(browser, CONSOLE, studio);
    const desktop = await open(browser, DESKTOP, watch);
    const phone = await open(browser, PHONE, watch);
    const viewers = [
      [desktop, "desktop"],
      [phone, "phone"],
    ] as const;
    const phase = (page: Page, want: string) =>
      page.locator(`[data-testid="overlay"][data-phase="${want}"]`).waitFor({ timeout: 60_000 });

    // The first question may have opened while the pages loaded; the next one is seen whole.
    for (const [page] of viewers)
      await page.getByTestId("overlay").waitFor({ state: "visible", timeout: 60_000 });
    for (const [page] of viewers)
      await page.getByTestId("overlay").waitFor({ state: "hidden", timeout: 60_000 });
    for (const [page, name] of viewers) await shoot(page, `watch-before-${name}`);
    await shoot(producer, "studio-ready");

    for (const [page] of viewers) await phase(page, "open");
    for (const [page, name] of viewers) await shoot(page, `watch-open-${name}`);
    await shoot(producer, "studio-open");
    for (const [page, name] of viewers) {
      await page.getByTestId("option-0").click();
      await page.getByTestId("receipt").getByText("Counted").waitFor();
      await shoot(page, `watch-counted-${name}`);
    }
    for (const [page] of viewers) await phase(page, "revealed");
    for (const [page, name] of viewers) await shoot(page, `watch-result-${name}`);
    await shoot(producer, "studio-result");
    expect(await producer.getByTestId("channel-live").getAttribute("data-live")).toBe("true");
  } finally {
    await browser.close();
    await stop();
  }
});
