/** What the health of a channel says, in words and shapes. Pure. */
import type { HealthLadder, HealthMessage, HealthRendition } from "@cuelight/player/core";
import { bitrate, count, millis, ppm, seconds, share } from "./format.ts";

/** Whether an encoder is connected, and whether anything comes from it. */
export type StreamState = "live" | "stalled" | "offline";

/** The state, as the server sees it. */
export const streamState = (h: HealthMessage): StreamState =>
  h.live ? "live" : h.protocol === undefined ? "offline" : "stalled";

/** One figure: its name and its value. */
export type Fact = readonly [name: string, value: string];

/** Figures that belong together. */
export interface FactGroup {
  readonly title: string;
  readonly facts: readonly Fact[];
}

const timelineWords: Readonly<Record<string, string>> = {
  acquiring: "settling",
  locked: "locked",
  holdover: "holding over",
  lost: "lost",
};

const ladderWords: Readonly<Record<string, string>> = {
  starting: "starting",
  running: "running",
  waiting: "waiting to start again",
  missing: "not running",
};

/** How the encoder is connected: `SRT · AES-256 · Lavf59.27.100`. */
export const connectionLine = (h: HealthMessage): string =>
  [h.protocol, h.encryption, h.encoder].filter((part) => part !== undefined && part !== "").join(" · ");

/** The figures behind the headline. Those that the transport does not know are left out. */
export function factGroups(h: HealthMessage): readonly FactGroup[] {
  const groups = [
    { title: "Stream", facts: streamFacts(h) },
    { title: "Timeline", facts: timelineFacts(h) },
    { title: "Connection", facts: linkFacts(h) },
  ];
  return groups.filter((group) => group.facts.length > 0);
}

function streamFacts(h: HealthMessage): readonly Fact[] {
  return known([
    ["Key frames", h.gop_s > 0 ? `every ${seconds(h.gop_s)}` : "–"],
    ["B-frames", h.reorder_ms === undefined ? "none" : `+${millis(h.reorder_ms)}`],
    ["Sound", h.av_offset_ms === undefined ? undefined : soundOffset(h.av_offset_ms)],
    ["Target latency", seconds(h.latency_ms / 1000)],
  ]);
}

function timelineFacts(h: HealthMessage): readonly Fact[] {
  return [
    ["State", timelineWords[h.timeline] ?? h.timeline],
    ["Encoder clock", ppm(h.ppm)],
    ["Residual", millis(h.residual_ms)],
    ["Jitter", millis(h.jitter_ms)],
  ];
}

function linkFacts(h: HealthMessage): readonly Fact[] {
  return known([
    ["Round trip", h.rtt_ms === undefined ? undefined : millis(h.rtt_ms)],
    ["Loss", h.loss === undefined ? undefined : share(h.loss)],
    ["Sent again", h.retransmits === undefined ? undefined : count(h.retransmits)],
    ["Never came", h.lost_packets === undefined ? undefined : count(h.lost_packets)],
    ["Buffer", h.link_latency_ms === undefined ? undefined : millis(h.link_latency_ms)],
  ]);
}

const known = (facts: readonly (readonly [string, string | undefined])[]): readonly Fact[] =>
  facts.filter((fact): fact is Fact => fact[1] !== undefined);

/** Nobody hears less than 20 ms. */
const TOGETHER_MS = 20;

function soundOffset(ms: number): string {
  if (Math.abs(ms) < TOGETHER_MS) return "with the picture";
  return `${millis(Math.abs(ms))} ${ms > 0 ? "after" : "before"} the picture`;
}

/** One rendition: `1280×720 30 fps`, and what it is coded with and takes. */
export function renditionLine(r: HealthRendition): { readonly what: string; readonly how: string } {
  const size = r.width === undefined || r.height === undefined ? "" : `${r.width}×${r.height}`;
  const rate = r.fps === undefined ? "" : `${Number(r.fps.toFixed(2))} fps`;
  const what = [size, rate].filter((part) => part !== "").join(" ");
  return { what: what === "" ? "Sound" : what, how: `${r.codec} ${bitrate(r.bitrate)}` };
}

/** What the transcoder does: `running, 1.4 cores`, with its restarts if there were any. */
export function ladderLine(l: HealthLadder): string {
  const words = [ladderWords[l.state] ?? l.state];
  if (l.state === "running") words.push(`${l.cpu.toFixed(1)} cores`);
  if (l.restarts > 0) words.push(`${count(l.restarts)} ${l.restarts === 1 ? "restart" : "restarts"}`);
  return words.join(", ");
}

/** Advice with its numbers and their units, and both ends of a range, kept on one line. */
export const keptTogether = (advice: string): string =>
  advice
    .replace(/(\d) (?=(?:s|ms|min|ppm|Mbit\/s|%)(?![\w/]))/gu, "$1\u00a0")
    .replace(/(\d)–(?=\d)/gu, "$1–\u2060");

/** How many seconds the graph shows. */
export const GRAPH_SECONDS = 10;

/** A graph of the last seconds, the newest at the right edge, zero at the bottom. */
export interface Graph {
  /** SVG path data of the line, and of the area below it. */
  readonly line: string;
  readonly area: string;
  /** The graph in words. */
  readonly text: string;
}

/** Draws bit rates in a box of the given size. Undefined with fewer than two of them. */
export function bitrateGraph(rates: readonly number[], width: number, height: number): Graph | undefined {
  const shown = rates.slice(-GRAPH_SECONDS);
  if (shown.length < 2) return undefined;
  const top = Math.max(1, ...shown) * 1.15;
  const step = width / (GRAPH_SECONDS - 1);
  const left = width - step * (shown.length - 1);
  const points = shown.map(
    (rate, i) => `${(left + i * step).toFixed(1)} ${(height * (1 - rate / top)).toFixed(1)}`,
  );
  const line = `M${points.join("L")}`;
  return {
    line,
    area: `${line}L${width.toFixed(1)} ${height.toFixed(1)}L${left.toFixed(1)} ${height.toFixed(1)}Z`,
    text: graphText(shown),
  };
}

function graphText(rates: readonly number[]): string {
  const [low, high] = [bitrate(Math.min(...rates)), bitrate(Math.max(...rates))];
  const span = `Bitrate of the last ${rates.length} seconds`;
  return low === high ? `${span}: steady at ${low}` : `${span}: ${low} to ${high}`;
}
