/**
 * How far apart windows opened: ours, and as they would by other means in the
 * same pages.
 *
 * @module
 */
import type { CueRecord } from "./record.ts";
import { cuesOf, disturbed, hidden, type PlayerView, type RunView } from "./view.ts";

/** A player must have been there this long before O to count as connected. */
const CONNECTED = 3_000_000; // µs
const IN_TIME = 100; // ms
const REFRESH = 1e6 / 60; // µs

/** One window on one screen. */
export interface OpeningRow {
  readonly cue: string;
  readonly player: string;
  /** Opening minus O, ms; undefined if it did not open. */
  readonly off: number | undefined;
  readonly disturbed: boolean;
}

/** One cue over all players that were connected and visible. */
export interface SpreadRow {
  readonly cue: string;
  /** ms between the first and the last opening. */
  readonly spread: number;
  readonly players: number;
  readonly missing: number;
  readonly disturbed: boolean;
}

/** A way to open windows: when one opens for a player, in host µs; undefined for never. */
export type Means = (player: PlayerView, cue: CueRecord) => number | undefined;

/** What the product did. */
export const byProduct: Means = (player, cue) => player.opened.get(cue.id);

/** Opens when the message comes that it is open. */
export const byMessage: Means = (player, cue) =>
  player.arrived.find((a) => a.cue === cue.id && a.what === "open")?.at;

/** Opens when the player fires the cue that is in the media. */
export const byDateRange: Means = (player, cue) =>
  player.arrived.find((a) => a.what === "daterange" && a.cue.includes(cue.id))?.at;

/**
 * On the screen as the page would show it: prepared in the first animation frame from that instant on, and displayed one
 * refresh later. The page's frames are counted from the last window that it showed; a page that showed none draws with
 * the machine.
 */
export function onScreen(means: Means): Means {
  return (player, cue) => {
    const at = means(player, cue);
    if (at === undefined) return undefined;
    const frame = [...player.opened.values()].findLast((shown) => shown <= at) ?? 0;
    return frame + (Math.ceil((at - frame) / REFRESH) + 1) * REFRESH;
  };
}

/** Opens when `Date.now()` says so. */
export function byWallClock(run: RunView): Means {
  return (player, cue) => {
    const belief = nearest(player, run.room.hostAt(cue.o));
    return belief === undefined ? undefined : run.room.hostAt(cue.o) - belief.wall * 1000;
  };
}

/** Opens when `Date.now()` says so, put right by one exchange with the server on joining. */
export function byOnePing(run: RunView): Means {
  return (player, cue) => {
    const belief = nearest(player, run.room.hostAt(cue.o));
    if (belief === undefined || player.onePing === undefined) return undefined;
    return run.room.hostAt(cue.o) - (belief.wall + player.onePing) * 1000;
  };
}

function nearest(player: PlayerView, at: number): PlayerView["beliefs"][number] | undefined {
  let best: PlayerView["beliefs"][number] | undefined;
  for (const belief of player.beliefs) {
    if (best === undefined || Math.abs(belief.at - at) < Math.abs(best.at - at)) best = belief;
  }
  return best;
}

/** Every window on every screen that was connected and visible at O. */
export function openingRows(run: RunView, players: readonly PlayerView[], means: Means): OpeningRow[] {
  const phase = players[0]?.phase ?? "product";
  return cuesOf(run.record, phase).flatMap((cue) => {
    const o = run.room.hostAt(cue.o);
    return players
      .filter((player) => player.came + CONNECTED <= o && !hidden(run.record, player.plan.id, o))
      .map((player) => {
        const at = means(player, cue);
        return {
          cue: cue.id,
          player: player.plan.id,
          off: at === undefined ? undefined : (at - o) / 1000,
          disturbed: disturbed(run.record, player.plan.id, o),
        };
      });
  });
}

/** The spread of each cue that at least two players opened. */
export function spreads(rows: readonly OpeningRow[]): SpreadRow[] {
  const byCue = new Map<string, OpeningRow[]>();
  for (const row of rows) byCue.set(row.cue, [...(byCue.get(row.cue) ?? []), row]);
  return [...byCue].flatMap(([cue, all]) => {
    const offs = all.flatMap(({ off }) => off ?? []);
    if (offs.length < 2) return [];
    return {
      cue,
      spread: Math.max(...offs) - Math.min(...offs),
      players: offs.length,
      missing: all.length - offs.length,
      disturbed: all.some((row) => row.disturbed),
    };
  });
}

/** Cues that all `players` opened and during which nothing was being done to any of them. */
export function undisturbed(rows: readonly SpreadRow[], players: number): SpreadRow[] {
  return rows.filter((row) => !row.disturbed && row.missing === 0 && row.players === players);
}

/** The share of windows that opened within 100 ms of O. */
export function reach(rows: readonly OpeningRow[]): number {
  const inTime = rows.filter(({ off }) => off !== undefined && Math.abs(off) <= IN_TIME);
  return inTime.length / rows.length;
}
