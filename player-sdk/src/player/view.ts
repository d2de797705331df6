/**
 * What a player says of itself.
 *
 * @module
 */
import type { Millis, SyncClass } from "../core/index.ts";

/** What the player is doing, for the screen. */
export type PlayerPhase =
  | "idle"
  /** There is no broadcast yet. */
  | "waiting"
  | "loading"
  | "playing"
  /** The buffer ran dry. */
  | "stalled"
  /** The browser, or somebody, paused it: it needs a tap. */
  | "paused"
  /** The event is over, and played to its end. */
  | "ended"
  | "failed";

/** How the player is, a few times a second. */
export interface PlayerView {
  readonly phase: PlayerPhase;
  /** In plain words, or empty. */
  readonly message: string;
  /** How late the frames on screen are; undefined while that is not known. */
  readonly error: Millis | undefined;
  /** Target latency. */
  readonly target: Millis;
  readonly rate: number;
  readonly buffer: Millis;
  readonly class: SyncClass;
  /** Whether the picture is held by rates and seeks, or by seeks alone. */
  readonly control: "rate" | "seek";
}

const IN = 100;
const NEAR = 1000;

/** The class of a player that is `error` late; playing without a measurement is far. */
export function classOf(phase: PlayerPhase, error: Millis | undefined): SyncClass {
  if (phase !== "playing" && phase !== "stalled") return "none";
  if (error === undefined) return "far";
  const size = Math.abs(error);
  return size <= IN ? "in" : size <= NEAR ? "near" : "far";
}
