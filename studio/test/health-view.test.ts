import { readFileSync } from "node:fs";
import { decodeServer, type HealthMessage } from "@cuelight/player/core";
import { expect, test } from "vitest";
import {
  bitrateGraph,
  connectionLine,
  factGroups,
  keptTogether,
  ladderLine,
  renditionLine,
  streamState,
} from "../src/health-view.ts";

function example(name: string): HealthMessage {
  const url = new URL(`../../interact/wire/testdata/server/${name}.json`, import.meta.url);
  const message = decodeServer(readFileSync(url, "utf8"));
  if (message.t !== "health") throw new Error(`${name} is ${message.t}`);
  return message;
}
const full = example("health");
const offline = example("health_offline");
const plain = (text: string): string => text.replace(/[\u00a0\u202f]/gu, " ");
const facts = (h: HealthMessage): Record<string, string> =>
  Object.fromEntries(
    factGroups(h).flatMap((group) => group.facts.map(([name, value]) => [name, plain(value)])),
  );

test("an encoder that sends, one that has stopped, and none are told apart", () => {
  expect(streamState(full)).toBe("live");
  expect(streamState({ ...full, live: false })).toBe("stalled");
  expect(streamState(offline)).toBe("offline");
});

test("names what the encoder connects with", () => {
  expect(connectionLine(full)).toBe("SRT · AES-256 · Lavf59.27.100");
  expect(connectionLine({ ...offline, protocol: "RTMP" })).toBe("RTMP");
});

test("writes every figure", () => {
  expect(facts(full)).toEqual({
    "Key frames": "every 8 s",
    "B-frames": "+33 ms",
    Sound: "24 ms before the picture",
    "Target latency": "3 s",
    State: "locked",
    "Encoder clock": "−12.4 ppm",
    Residual: "1.8 ms",
    Jitter: "14 ms",
    "Round trip": "43 ms",
    Loss: "1.3 %",
    "Sent again": "311",
    "Never came": "0",
    Buffer: "200 ms",
  });
});

test("leaves out what the transport does not know, and the group with it", () => {
  const { rtt_ms: _1, loss: _2, retransmits: _3, lost_packets: _4, link_latency_ms: _5, ...rtmp } = full;
  expect(factGroups(rtmp).map((group) => group.title)).toEqual(["Stream", "Timeline"]);
  expect(facts({ ...rtmp, loss: 0 })["Loss"]).toBe("0 %");
});

test.each([
  [12, "with the picture"],
  [-19.9, "with the picture"],
  [180, "180 ms after the picture"],
  [-1204, "1.20 s before the picture"],
])("sound %d ms off is %s", (av_offset_ms, want) => {
  expect(facts({ ...full, av_offset_ms })["Sound"]).toBe(want);
});

test("a state that it has no word for is shown as it is", () => {
  expect(facts({ ...full, timeline: "dreaming" })["State"]).toBe("dreaming");
});

test("describes what viewers can choose", () => {
  const lines = (full.renditions ?? []).map(renditionLine);
  expect(lines.map(({ what, how }) => [what, plain(how)])).toEqual([
    ["1920×1080 60 fps", "H.264 6.0 Mbit/s"],
    ["1280×720 30 fps", "H.264 2.5 Mbit/s"],
    ["Sound", "AAC 160 kbit/s"],
  ]);
});

test.each([
  [{ state: "running", cpu: 1.44, restarts: 0 }, "running, 1.4 cores"],
  [{ state: "running", cpu: 0.5, restarts: 1 }, "running, 0.5 cores, 1 restart"],
  [{ state: "waiting", cpu: 0, restarts: 12 }, "waiting to start again, 12 restarts"],
  [{ state: "missing", cpu: 0, restarts: 0 }, "not running"],
])("the transcoder is %j", (ladder, want) => {
  expect(plain(ladderLine(ladder))).toBe(want);
});

test("a unit stays with its number, and a range in one piece", () => {
  expect(keptTogether("every 8 s: set 1–2 s in OBS, 140 ppm, 2.1 % of 3 sources")).toBe(
    "every 8\u00a0s: set 1–\u20602\u00a0s in OBS, 140\u00a0ppm, 2.1\u00a0% of 3 sources",
  );
});

test("the graph begins at zero, ends at the right edge, and is told in words", () => {
  const graph = bitrateGraph([2e6, 1e6, 0, 2e6], 90, 46);
  expect(graph?.line).toBe("M60.0 6.0L70.0 26.0L80.0 46.0L90.0 6.0");
  expect(graph?.area).toBe(`${graph?.line}L90.0 46.0L60.0 46.0Z`);
  expect(plain(graph?.text ?? "")).toBe("Bitrate of the last 4 seconds: 0 kbit/s to 2.0 Mbit/s");
});

test("the graph shows ten seconds at most, and nothing before there is a line", () => {
  const rates = Array.from({ length: 14 }, (_, i) => 1e6 + i);
  expect(bitrateGraph(rates, 90, 46)?.line.split("L")).toHaveLength(10);
  expect(plain(bitrateGraph(rates, 90, 46)?.text ?? "")).toBe(
    "Bitrate of the last 10 seconds: steady at 1.0 Mbit/s",
  );
  expect(bitrateGraph([1e6], 90, 46)).toBeUndefined();
  expect(bitrateGraph([0, 0], 90, 46)?.line).toBe("M80.0 46.0L90.0 46.0");
});
