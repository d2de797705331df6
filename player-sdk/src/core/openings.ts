/**
 * How together the windows of a cue opened, as producers are told.
 *
 * @module
 */
import type { Micros } from "./units.ts";

/** Why an opening is not to be counted as in time, or what explains it. */
export const OPENING_REASONS = ["hidden", "paused", "behind", "clock", "late", "key"] as const;

/** One of {@link OPENING_REASONS}. */
export type OpeningReason = (typeof OPENING_REASONS)[number];

/** Counts of values in steps of equal width. */
export interface Histogram {
  readonly from_us: Micros;
  readonly step_us: Micros;
  readonly counts: readonly number[];
  readonly below: number;
  readonly above: number;
}

/** Viewers by how well they hold the target latency. */
export interface Classes {
  readonly in: number;
  readonly near: number;
  readonly far: number;
  readonly none: number;
}

/** How many were out for one reason. */
export interface OutCount {
  readonly why: string;
  readonly count: number;
}

/** One viewer who was out. */
export interface OutWho {
  readonly participant: string;
  readonly class: string;
  readonly why: string;
  /** The opening minus O. */
  readonly away_us: Micros;
}

/** How far apart the windows of a cue opened, for producers. */
export interface OpeningsMessage {
  readonly t: "openings";
  readonly cue: string;
  readonly rev: number;
  readonly reported: number;
  readonly late: number;
  /** Viewers connected at O. */
  readonly expected: number;
  /** Opened within 100 ms of O. */
  readonly in_time: number;
  /** Of |opening − O|. */
  readonly p50_us: Micros;
  readonly p95_us: Micros;
  readonly max_us: Micros;
  /** The last opening minus the first. */
  readonly spread_us: Micros;
  /** Bounds the error of the viewers' clocks. */
  readonly dispersion_p95_us: Micros;
  /** Of opening − O. */
  readonly histogram: Histogram;
  readonly classes: Classes;
  /** Who was not together with the rest, by reason, biggest first. */
  readonly out: readonly OutCount[];
  /** Up to 20 of them, worst first. */
  readonly who: readonly OutWho[];
  /** Viewers whose window is closed. */
  readonly closed: number;
  /** The green light: 99.5 % of those who opened and are still here have closed. */
  readonly clear: boolean;
}
