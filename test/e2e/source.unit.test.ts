import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { codesOf } from "./pictures.ts";
import { FPS, HEIGHT, hostMicros, startSource, WIDTH } from "./source.ts";

/** More frames than the pipe and ffmpeg's input queue hold: what stopping may cut off. */
const IN_FLIGHT = 15;

let dir = "";
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "cuelight-source-"));
});
afterEach(() => rmSync(dir, { recursive: true }));

for (const format of ["mpegts", "flv"] as const) {
  test(`three seconds of ${format} hold every frame in order, and each was sent in its time`, async () => {
    const file = join(dir, `record.${format}`);
    const began = hostMicros();
    const source = startSource({ url: file, format });
    await vi.waitFor(
      () => expect(source.frameTimes.size).toBeGreaterThanOrEqual(3 * FPS + IN_FLIGHT),
      20_000,
    );
    await source.stop();
    const { signal } = await source.exited;
    expect(signal, source.stderr()).toBeNull();

    const sent = [...source.frameTimes.keys()];
    const codes = codesOf(file, WIDTH, HEIGHT);
    expect(codes.length).toBeGreaterThanOrEqual(3 * FPS);
    expect(codes).toEqual(sent.slice(0, codes.length));

    const times = [...source.frameTimes.values()];
    expect(times[0]).toBeGreaterThanOrEqual(began);
    for (const [n, at] of times.entries()) {
      // Never early: a tenth of a millisecond for the change from one clock's rounding to the other's.
      expect(at - began).toBeGreaterThanOrEqual((n * 1e6) / FPS - 100);
    }
    expect([...source.frameDates.keys()]).toEqual(sent);
  });
}

test("stop is idempotent", async () => {
  const source = startSource({ url: join(dir, "record.ts"), format: "mpegts" });
  await vi.waitFor(() => expect(existsSync(join(dir, "record.ts"))).toBe(true), 10_000);
  await Promise.all([source.stop(), source.stop()]);
  await source.stop();
});

test("a refused push ends the source and says why", async () => {
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  const source = startSource({ url: `rtmp://127.0.0.1:${address.port}/live/show:key`, format: "flv" });
  const { code } = await source.exited;
  expect(code).toBeGreaterThan(0);
  expect(source.stderr()).toContain("rtmp");
  const count = source.frameTimes.size;
  await source.stop();
  expect(source.frameTimes.size).toBe(count);
  server.close();
});
