/**
 * Who is in the room, as producers are told.
 *
 * @module
 */
import type { Micros } from "./units.ts";

/** Viewers by how sure it is that each is one person. */
export interface Grades {
  readonly device: number;
  readonly pin: number;
  readonly link: number;
  readonly account: number;
}

/** Viewers of the channel, for producers. */
export interface PresenceMessage {
  readonly t: "presence";
  readonly viewers: number;
  readonly synced: number;
  readonly in: number;
  readonly near: number;
  readonly far: number;
  /** Could not hold L for 30 s. */
  readonly stuck: number;
  /** A second, over the last 10 s. */
  readonly joins: number;
  readonly leaves: number;
  readonly grades: Grades;
}

/** One viewer of a {@link RosterMessage}. */
export interface RosterViewer {
  readonly participant: string;
  readonly grade: string;
  readonly class: string;
  readonly synced: boolean;
  /** When this connection began. */
  readonly since_us: Micros;
  readonly rtt_us: Micros;
  /** What it did against the limits, in the last minute. */
  readonly strikes: number;
}

/** A random sample of a channel's viewers, for producers; at most every 5 s. */
export interface RosterMessage {
  readonly t: "roster";
  /** Viewers there are. */
  readonly total: number;
  /** At most 50. */
  readonly viewers: readonly RosterViewer[];
}
