/**
 * Everything that a run saw, as it is kept on disk: a report can be made from
 * it again.
 *
 * @module
 */
import type { Appearance } from "./audit.ts";
import type { Drained } from "./page/probe.ts";
import type { PlayerPlan } from "./profiles.ts";
import type { RoomReading } from "./relay.ts";
import type { Taken } from "./show.ts";

/** Which page the players had open. */
export type Phase = "product" | "stock";

/** A cue of a run. */
export interface CueRecord extends Taken {
  readonly phase: Phase;
}

/** What was done to a run on purpose. Instants are host µs. */
export interface Disturbance {
  readonly what: "join" | "stall" | "hidden" | "encoder" | "date step";
  /** Whom it concerns; undefined for everybody. */
  readonly player?: string;
  readonly from: number;
  readonly to: number;
}

/** What a player saw. */
export interface PlayerRecord {
  readonly plan: PlayerPlan;
  /** When its page was opened, host µs, by phase. */
  readonly opened: Partial<Record<Phase, number>>;
  readonly errors: readonly string[];
  /** In page time. A page's log ends when another page is opened. */
  readonly logs: Partial<Record<Phase, Drained>>;
}

/** One run. */
export interface RunRecord {
  readonly began: string;
  readonly latencyMs: number;
  readonly windowMs: number;
  readonly players: readonly PlayerRecord[];
  readonly cues: readonly CueRecord[];
  readonly room: readonly RoomReading[];
  /** Frame number and host µs at which it was handed to the encoder. */
  readonly frames: readonly (readonly [n: number, host: number])[];
  readonly disturbances: readonly Disturbance[];
  readonly machine: Machine;
  /** What virtual viewers saw; absent without them. */
  readonly virtual?: VirtualRecord;
  /** What a film of the first player's page shows; absent if there was none. */
  readonly films?: readonly Appearance[];
}

/** What the machine was like. */
export interface Machine {
  readonly cores: number;
  readonly model: string;
  readonly kernel: string;
  readonly chromium: string;
  readonly namespaces: boolean;
  /** One-minute load averages, every 10 s. */
  readonly load: readonly number[];
  /** Share of processor time that was busy, and that the hypervisor took. */
  readonly busy: number;
  readonly steal: number;
}

/** Virtual viewers: their windows and their answers. */
export interface VirtualRecord {
  readonly viewers: number;
  /** Per cue: how far from O windows opened, in ms on the rig's clock, and answers receipted. */
  readonly cues: readonly {
    readonly cue: string;
    readonly opened: number;
    readonly p50: number;
    readonly p95: number;
    readonly p99: number;
    readonly max: number;
    readonly receipts: number;
    /** Answers receipted in the busiest second. */
    readonly peak: number;
  }[];
}
