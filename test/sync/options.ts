/**
 * The command line.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { FIREFOX } from "./firefox.ts";
import { CLOCKS, NETWORK_ORDER, NETWORKS, type NetworkName, type PlayerPlan } from "./profiles.ts";
import type { RunPlan } from "./run.ts";
import { cycle } from "./run.ts";

export const USAGE = `Measures how far apart windows open and frames show, and writes a report.

  node test/sync/run.mjs [flags]          or: make sync-report SYNC="flags"

  --browsers N      players, default 7
  --networks LIST   theirs, default ${NETWORK_ORDER.join(",")}
  --videos N        how many of them show the video, default one more than there are cores; the others are the
                    same page without it
  --firefox         the third player is Firefox; the default where it is installed and four or more play
  --no-firefox      all are Chromium
  --cues N          default 200
  --for MINUTES     as many cues as fit, instead of --cues
  --stock-cues N    cues with stock hls.js in the same browsers afterwards, default 20, 0 for none
  --window MS       default 3000
  --latency MS      the channel's target latency, default 3000
  --spread-starts S players come within this many seconds, default 60
  --quiet           no stall, no hidden tab, no wrong step, no encoder that reconnects
  --straight        true clocks, all on LAN
  --no-namespaces   everything on loopback
  --virtual N       N viewers without a screen answer, too
  --audit           film the first player's page around every opening, and hold the probe against the film
  --lowest          step the latency down for each network instead, and tell how low it can be
  --out DIR         default artifacts/sync-report
  --from FILE       make the report again from a run's raw.json
`;

/** What the command line asks for. */
export interface Options {
  readonly run: Omit<RunPlan, "say">;
  readonly lowest: boolean;
  /** Those that were named. */
  readonly networks: readonly NetworkName[] | undefined;
  readonly out: string;
  readonly from: string | undefined;
  readonly help: boolean;
}

const number = (text: string | undefined, usual: number, name: string): number => {
  const n = text === undefined ? usual : Number(text);
  if (!Number.isFinite(n) || n < 0) throw new Error(`--${name} ${text}: give a number that is not negative`);
  return n;
};

/** Reads the flags. Throws what is wrong with them. */
export function optionsOf(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      browsers: { type: "string" },
      networks: { type: "string" },
      videos: { type: "string" },
      firefox: { type: "boolean" },
      "no-firefox": { type: "boolean" },
      cues: { type: "string" },
      for: { type: "string" },
      "stock-cues": { type: "string" },
      window: { type: "string" },
      latency: { type: "string" },
      "spread-starts": { type: "string" },
      quiet: { type: "boolean" },
      straight: { type: "boolean" },
      "no-namespaces": { type: "boolean" },
      virtual: { type: "string" },
      audit: { type: "boolean" },
      lowest: { type: "boolean" },
      out: { type: "string" },
      from: { type: "string" },
      help: { type: "boolean" },
    },
  });
  const windowMs = number(values.window, 3000, "window");
  const latencyMs = number(values.latency, 3000, "latency");
  const cues = number(values.cues, 200, "cues");
  const minutes = values.for === undefined ? undefined : number(values.for, 0, "for");
  const networks = networksOf(values.networks);
  const browsers = number(values.browsers, networks === NETWORK_ORDER ? 7 : networks.length, "browsers");
  return {
    run: {
      players: playersOf({
        browsers,
        networks: values.straight === true ? ["lan"] : networks,
        videos: number(values.videos, availableParallelism() + 1, "videos"),
        firefox: values.firefox ?? (values["no-firefox"] !== true && browsers > 3 && existsSync(FIREFOX)),
        straight: values.straight === true,
        spread: number(values["spread-starts"], 60, "spread-starts") * 1000,
      }),
      cues:
        minutes === undefined
          ? cues
          : Math.max(1, Math.floor((minutes * 60_000) / cycle({ latencyMs, windowMs }))),
      stockCues: number(values["stock-cues"], 20, "stock-cues"),
      windowMs,
      latencyMs,
      disturbed: values.quiet !== true,
      namespaces: values["no-namespaces"] === true ? "off" : "auto",
      virtual: number(values.virtual, 0, "virtual"),
      filmed: values.audit === true,
    },
    lowest: values.lowest === true,
    networks: values.networks === undefined ? undefined : networks,
    out: values.out ?? "artifacts/sync-report",
    from: values.from,
    help: values.help === true,
  };
}

function networksOf(list: string | undefined): readonly NetworkName[] {
  if (list === undefined) return NETWORK_ORDER;
  return list.split(",").map((name) => {
    if (!(name in NETWORKS))
      throw new Error(`--networks ${name}: there are ${Object.keys(NETWORKS).join(", ")}`);
    return name as NetworkName;
  });
}

/** How players are made up. */
export interface Cast {
  readonly browsers: number;
  readonly networks: readonly NetworkName[];
  readonly videos: number;
  readonly firefox: boolean;
  readonly straight: boolean;
  /** ms. */
  readonly spread: number;
}

/** The players: networks, clocks and starts in turn. */
export function playersOf({ browsers, networks, videos, firefox, straight, spread }: Cast): PlayerPlan[] {
  if (firefox && !existsSync(FIREFOX))
    throw new Error(`--firefox: ${FIREFOX} is not there; install firefox-esr`);
  return Array.from({ length: browsers }, (_, i) => ({
    id: `p${i + 1}`,
    network: NETWORKS[networks[i % networks.length] ?? "lan"],
    clocks: (straight ? CLOCKS[0] : CLOCKS[i % CLOCKS.length]) ?? { wall: 0, ppm: 0 },
    browser: firefox && i === 2 ? "firefox" : "chromium",
    video: i < videos || (firefox && i === 2),
    comesAt: browsers < 2 ? 0 : (i * spread) / (browsers - 1),
  }));
}
