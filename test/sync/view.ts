/**
 * A run's record on one axis: for every player what it saw, in host µs, and
 * when something was done to it.
 *
 * @module
 */
import type { Arrived, Drained, Happened } from "./page/probe.ts";
import type { PlayerPlan } from "./profiles.ts";
import type { CueRecord, Disturbance, Phase, PlayerRecord, RunRecord } from "./record.ts";
import { PageClock, TrueRoom } from "./truth.ts";

/** A screen shows what an animation frame prepared one refresh later. */
const REFRESH = 1000 / 60; // ms
/** After a disturbance ends a player is given this long to be as it was. */
const RECOVERY = 15_000_000; // µs

/** A frame on a screen. */
export interface SeenFrame {
  readonly n: number;
  /** Host µs. */
  readonly at: number;
  /** How long after it was handed to the encoder, ms. */
  readonly late: number;
  /** P as the page maps it, µs on R; undefined where it does not. */
  readonly p: number | undefined;
}

/** What a page believed, against the truth. */
export interface SeenBelief {
  readonly at: number;
  /** Its R minus the true one, ms. */
  readonly error: number | undefined;
  /** ms. */
  readonly dispersion: number | undefined;
  /** Its `Date.now()` minus R, ms. */
  readonly wall: number;
  readonly rate: number | undefined;
}

/** One player in one phase of a run. */
export interface PlayerView {
  readonly plan: PlayerPlan;
  readonly phase: Phase;
  /** When its page was opened. */
  readonly came: number;
  /** Instants, host µs, at which windows were on the screen. */
  readonly opened: ReadonlyMap<string, number>;
  readonly frames: readonly SeenFrame[];
  readonly beliefs: readonly SeenBelief[];
  readonly happened: readonly Happened[];
  readonly arrived: readonly Arrived[];
  readonly onePing: number | undefined;
  /** Bound of the calibration, ms. */
  readonly bound: number;
  readonly errors: readonly string[];
}

/** A run as it is analysed. */
export interface RunView {
  readonly record: RunRecord;
  readonly room: TrueRoom;
  readonly product: readonly PlayerView[];
  readonly stock: readonly PlayerView[];
}

/** Puts a record on one axis. */
export function viewOf(record: RunRecord): RunView {
  const room = new TrueRoom(record.room);
  const sent = new Map(record.frames);
  const of = (phase: Phase): PlayerView[] =>
    record.players.flatMap((player) => playerView(player, phase, room, sent) ?? []);
  return { record, room, product: of("product"), stock: of("stock") };
}

function playerView(
  player: PlayerRecord,
  phase: Phase,
  room: TrueRoom,
  sent: ReadonlyMap<number, number>,
): PlayerView | undefined {
  const log = player.logs[phase];
  const came = player.opened[phase];
  if (log === undefined || came === undefined || log.calibrations.length === 0) return undefined;
  const clock = new PageClock(log.calibrations);
  const host = (ms: number): number => clock.hostAt(ms);
  const onHost = <T extends { readonly at: number }>(items: readonly T[]): T[] =>
    items.map((item) => ({ ...item, at: host(item.at) }));
  return {
    plan: player.plan,
    phase,
    came,
    opened: new Map(log.opened.map(({ cue, frame }) => [cue, host(frame + REFRESH)])),
    frames: framesOf(log, host, sent),
    beliefs: beliefsOf(log, host, room),
    happened: onHost(log.happened),
    arrived: onHost(log.arrived),
    onePing: log.onePing ?? undefined,
    bound: clock.bound,
    errors: player.errors,
  };
}

function framesOf(
  log: Drained,
  host: (ms: number) => number,
  sent: ReadonlyMap<number, number>,
): SeenFrame[] {
  return log.shown.flatMap(({ n, at, p }) => {
    const left = sent.get(n);
    const shown = host(at);
    return left === undefined ? [] : [{ n, at: shown, late: (shown - left) / 1000, p: p ?? undefined }];
  });
}

function beliefsOf(log: Drained, host: (ms: number) => number, room: TrueRoom): SeenBelief[] {
  return log.beliefs.map((belief) => {
    const at = host(belief.at);
    const truth = room.at(at);
    return {
      at,
      error: belief.room === null ? undefined : (belief.room - truth) / 1000,
      dispersion: belief.dispersion === null ? undefined : belief.dispersion / 1000,
      wall: belief.wall - truth / 1000,
      rate: belief.rate ?? undefined,
    };
  });
}

/** Whether something was being done to a player at a host instant, or had been a moment ago. */
export function disturbed(record: RunRecord, player: string, at: number): boolean {
  return record.disturbances.some(
    (d) =>
      concerns(d, player) && at >= d.from - 500_000 && at < d.to + (d.what === "date step" ? 0 : RECOVERY),
  );
}

/** Whether its tab was hidden at a host instant. */
export function hidden(record: RunRecord, player: string, at: number): boolean {
  return record.disturbances.some(
    (d) => d.what === "hidden" && d.player === player && at >= d.from && at < d.to + 200_000,
  );
}

const concerns = (d: Disturbance, player: string): boolean => d.player === undefined || d.player === player;

/** Cues of a phase. */
export function cuesOf(record: RunRecord, phase: Phase): CueRecord[] {
  return record.cues.filter((cue) => cue.phase === phase);
}
