import { readFileSync } from "node:fs";
import { decodeServer, type HealthMessage } from "@cuelight/player/core";
import { expect, test } from "vitest";
import { address, began, extent, hasEnded, size } from "../src/recordings-view.ts";

const plain = (text: string): string => text.replace(/\u00a0/gu, " ");
const recording = {
  id: "r1",
  started_at_us: new Date(2026, 10, 23, 20, 15).getTime() * 1000,
  duration_ms: 5_401_333,
  bytes: 1_620_123_456,
  live: false,
  url: "/vod/show/r1/index.m3u8",
};

test("says of a recording when it began, how long it is, and how large", () => {
  expect(began(recording)).toBe("23 Nov 2026, 20:15");
  expect(plain(extent(recording))).toBe("1:30:01 · 1.62 GB");
  expect(plain(size(812_400_000))).toBe("812 MB");
  expect(plain(size(4_200))).toBe("4 kB");
});

test("links to paths of this server alone", () => {
  expect(address(recording)).toBe(recording.url);
  for (const url of ["javascript:alert(1)", "https://elsewhere/x", "//elsewhere/x", ""]) {
    expect(address({ ...recording, url })).toBeUndefined();
  }
});

test("an event has ended when health says so", () => {
  const health = decodeServer(
    readFileSync(new URL("../../interact/wire/testdata/server/health_offline.json", import.meta.url), "utf8"),
  ) as HealthMessage;
  expect(hasEnded({ ...health, ended: true } as HealthMessage)).toBe(true);
  expect(hasEnded(health)).toBe(false);
  expect(hasEnded(undefined)).toBe(false);
});
