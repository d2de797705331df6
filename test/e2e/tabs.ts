/** A browser as a person has it: one window, in which every tab but one is hidden. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { chromium, type Page } from "playwright-core";
import { CHROMIUM, FLAGS } from "./browser.ts";

/** Elsewhere hidden tabs are throttled, as they are for people. */
const THROTTLES: readonly string[] = [
  "--disable-background-timer-throttling",
  "--disable-backgrounding-occluded-windows",
  "--disable-renderer-backgrounding",
];

export interface Tabs {
  /** The only tab in the beginning. */
  readonly first: Page;
  /** Opens another tab in front of it. */
  cover(): Promise<Page>;
  close(): Promise<void>;
}

export async function openTabs(): Promise<Tabs> {
  const profile = mkdtempSync(join(tmpdir(), "cuelight-tabs-"));
  const flags = FLAGS.filter((flag) => !THROTTLES.includes(flag));
  const args = [
    "--headless",
    "--remote-debugging-port=0",
    `--user-data-dir=${profile}`,
    ...flags,
    "about:blank",
  ];
  const child = spawn(CHROMIUM, args, { stdio: ["ignore", "ignore", "pipe"] });
  let address: string | undefined;
  for await (const line of createInterface({ input: child.stderr })) {
    address = /^DevTools listening on (\S+)/.exec(line)?.[1];
    if (address !== undefined) break;
  }
  if (address === undefined) throw new Error(`${CHROMIUM} ended without a word of its address`);
  // Otherwise every page believes that it is in front.
  const browser = await chromium.connectOverCDP(address, { noDefaults: true });
  const [context] = browser.contexts();
  const [first] = context?.pages() ?? [];
  if (context === undefined || first === undefined) throw new Error("there is no tab");
  return {
    first,
    cover: async () => {
      const page = await context.newPage();
      await page.bringToFront();
      return page;
    },
    close: async () => {
      const gone = child.exitCode === null ? once(child, "exit") : Promise.resolve();
      // Its processes are ended by itself: a signal would reach one of them.
      const session = await browser.newBrowserCDPSession();
      await session.send("Browser.close").catch(() => undefined); // the reply may not come any more
      await gone;
      rmSync(profile, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
    },
  };
}
