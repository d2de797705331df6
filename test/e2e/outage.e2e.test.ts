/**
 * The encoder is gone for six seconds and comes back. Viewers see a standing
 * picture and are told why; then the show goes on by itself, on the same
 * timeline.
 */
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { report } from "./figures.ts";
import { figuresOf, passage } from "./outage.ts";
import { type Server, startServer } from "./server.ts";

let server: Server;
const browsers: Browser[] = [];

beforeAll(async () => {
  server = await startServer();
});

afterAll(async () => {
  await Promise.all(browsers.map((browser) => browser.close()));
  expect(await server?.stop(), server?.log()).toBe(0);
});

test("players carry on after an outage of 6 s", async () => {
  const source = { url: server.rtmp, format: "flv" } as const;
  const passages = await passage({ server, first: source, second: source, seconds: 6 }, browsers);
  report("outage-6s", figuresOf(passages));
  for (const { name, problems, backMs, dateMovedMs } of passages) {
    expect(problems, name).toEqual([]);
    expect(backMs, name).toBeLessThan(15_000);
    expect(Math.abs(dateMovedMs), name).toBeLessThan(300);
  }
});
