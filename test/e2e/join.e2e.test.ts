/**
 * A page that is open before the broadcast begins says so, and plays soon after
 * an encoder pushes, with the settings that a new server has.
 */
import { expect, test } from "vitest";
import { launch, playing } from "./browser.ts";
import { report } from "./figures.ts";
import { CHANNEL, startServer } from "./server.ts";
import { hostMicros, startSource } from "./source.ts";

/** The aim is 3 s; what lies this far beyond it is broken, not slow. */
const SANE_MS = 5000;

test.each(["SRT", "RTMP"] as const)("a page that waits plays soon after a push by %s", async (protocol) => {
  const server = await startServer();
  const browser = await launch();
  try {
    const page = await browser.newPage();
    await page.goto(`${server.web}/watch/${CHANNEL}`);
    const notice = page.getByTestId("notice");
    await expect.poll(() => notice.textContent(), { timeout: 10_000 }).toContain("Waiting");

    const pushed = hostMicros();
    const source =
      protocol === "SRT"
        ? startSource({ url: server.srt, format: "mpegts" })
        : startSource({ url: server.rtmp, format: "flv" });
    await playing(page);
    const took = (hostMicros() - pushed) / 1000;
    const admitted = /time=(\S+) level=INFO msg="publisher admitted"/.exec(server.log())?.[1] ?? "";
    const fromPush = Date.now() - Date.parse(admitted);
    await source.stop();
    report(`first-light-join-${protocol.toLowerCase()}`, {
      "from the push to playing, ms (aim 3000)": fromPush,
      "from the start of ffmpeg to playing, ms": took,
    });
    expect(took).toBeLessThan(SANE_MS);
  } finally {
    await browser.close();
    expect(await server.stop(), server.log()).toBe(0);
  }
});
