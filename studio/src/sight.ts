/**
 * The picture that the producer is looking at, and whether a cue can be taken on
 * it: it opens when that picture is on every screen, if that leaves the time
 * that opening together needs. Pure.
 */
import { seconds } from "./format.ts";

/** How long before O every screen must have heard of a cue, in µs. */
export const MIN_LEAD_US = 1_500_000;

/** What the way of a command to the server may take, in µs. */
const WAY_US = 100_000;

/** Where Take takes a cue: on the picture in the preview, or on the newest one. */
export type TakeAt = "seen" | "edge";

/** What the console knows when Take is pressed. */
export interface Sight {
  /** Instant P of the preview's picture, in µs on R; undefined while it shows none. */
  readonly shownUs: number | undefined;
  /** The room clock, in µs. */
  readonly nowUs: number | undefined;
  /** Target latency L of the room. */
  readonly latencyMs: number | undefined;
  readonly live: boolean;
}

/** Where a cue would be taken now, and what there is to say of it. */
export interface TakePlan {
  readonly at: TakeAt;
  /** P, for a cue taken on the picture seen. */
  readonly atUs: number | undefined;
  /** How long after the press it opens, in ms; undefined if not known. */
  readonly opensInMs: number | undefined;
  /** Why it is not taken on the picture seen, although that was wanted; else empty. */
  readonly why: string;
}

/** Where a press of Take takes a cue. */
export function takePlan(want: TakeAt, sight: Sight): TakePlan {
  const edge = (why: string): TakePlan => ({ at: "edge", atUs: undefined, opensInMs: sight.latencyMs, why });
  const { shownUs, nowUs, latencyMs } = sight;
  if (want === "edge" || !sight.live) return edge("");
  if (nowUs === undefined || latencyMs === undefined) return edge(`The room clock is not known yet. ${EDGE}`);
  if (shownUs === undefined) return edge(`The preview shows no picture. ${EDGE}`);
  const opensInUs = shownUs + latencyMs * 1000 - nowUs;
  if (opensInUs < MIN_LEAD_US + WAY_US) return edge(tooOld(nowUs - shownUs, latencyMs * 1000));
  return { at: "seen", atUs: shownUs, opensInMs: opensInUs / 1000, why: "" };
}

const EDGE = "The live edge is used.";

/** How old the preview's picture is at the best, in µs; and from which age on it is not the preview's slowness but a pause. */
const PREVIEW_US = 1_300_000;
const PAUSED_US = 5_000_000;

/** Says how old the picture may be; if this preview is not that quick, which latency makes it possible. */
function tooOld(ageUs: number, latencyUs: number): string {
  const need = `${seconds(MIN_LEAD_US / 1e6)} are needed to open every screen together`;
  const limit = latencyUs - MIN_LEAD_US - WAY_US;
  const usual = ageUs > PAUSED_US ? PREVIEW_US : Math.max(PREVIEW_US, ageUs);
  const help =
    limit >= PREVIEW_US
      ? `it may be ${tenths(limit, Math.floor)} old`
      : `a target latency of ${tenths(usual + MIN_LEAD_US + WAY_US, Math.ceil)} allows it`;
  return `The picture you look at is ${tenths(ageUs, Math.ceil)} old: ${need}; ${help}. ${EDGE}`;
}

const tenths = (us: number, round: (n: number) => number): string =>
  `${(round(us / 100_000) / 10).toFixed(1)}\u00a0s`;
