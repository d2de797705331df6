/**
 * How far apart the pictures are, by the code that is burnt into them.
 *
 * @module
 */
import { moments } from "./stats.ts";
import { disturbed, hidden, type PlayerView, type RunView, type SeenFrame } from "./view.ts";

const EVERY = 200_000; // µs between two looks at all screens
const FRESH = 450_000; // µs for which a reading of the code stands

/** All screens at one instant. */
export interface FrameRow {
  /** Host µs. */
  readonly at: number;
  /** ms between the earliest and the latest picture. */
  readonly spread: number;
  readonly players: number;
  readonly disturbed: boolean;
}

/** Looks at all screens five times a second. */
export function frameRows(run: RunView, players: readonly PlayerView[]): FrameRow[] {
  const screens = players.filter(({ plan, frames }) => plan.video && frames.length > 0);
  const from = Math.min(...screens.map(({ frames }) => frames[0]?.at ?? Number.POSITIVE_INFINITY));
  const to = Math.max(...screens.map(({ frames }) => frames.at(-1)?.at ?? 0));
  const next = screens.map(() => 0);
  const rows: FrameRow[] = [];
  for (let at = from; at < to; at += EVERY) {
    const late: number[] = [];
    let touched = false;
    for (const [i, { plan, frames }] of screens.entries()) {
      while ((frames[(next[i] ?? 0) + 1]?.at ?? Number.POSITIVE_INFINITY) <= at) next[i] = (next[i] ?? 0) + 1;
      const frame = frames[next[i] ?? 0];
      if (frame === undefined || hidden(run.record, plan.id, at)) continue;
      touched ||= disturbed(run.record, plan.id, at);
      if (frame.at <= at && at - frame.at <= FRESH) late.push(frame.late);
    }
    if (late.length < 2) continue;
    rows.push({
      at,
      spread: Math.max(...late) - Math.min(...late),
      players: late.length,
      disturbed: touched,
    });
  }
  return rows;
}

/** How late a frame is by the channel's timeline and the true room clock, ms. */
export function frameError(run: RunView, { at, p }: SeenFrame): number | undefined {
  return p === undefined ? undefined : (run.room.at(at) - p) / 1000 - run.record.latencyMs;
}

/** How far pages disagree about P of the same frame, ms: 0 unless a mapping is wrong. */
export function mappingErrors(players: readonly PlayerView[]): number[] {
  const byFrame = new Map<number, number[]>();
  for (const { frames } of players) {
    for (const { n, p } of frames) {
      if (p !== undefined) byFrame.set(n, [...(byFrame.get(n) ?? []), p]);
    }
  }
  return [...byFrame.values()]
    .filter((ps) => ps.length > 1)
    .map((ps) => (Math.max(...ps) - Math.min(...ps)) / 1000);
}

/** P of frames against when they left for the encoder, ms around the mean of each source. */
export function dateErrors(run: RunView, players: readonly PlayerView[]): number[] {
  const sent = new Map(run.record.frames);
  const outages = run.record.disturbances.filter(({ what }) => what === "encoder");
  const groups = new Map<number, number[]>();
  for (const { frames } of players) {
    for (const { n, p } of frames) {
      const left = sent.get(n);
      if (p === undefined || left === undefined) continue;
      const group = outages.filter(({ from }) => left > from).length;
      groups.set(group, [...(groups.get(group) ?? []), (p - run.room.at(left)) / 1000]);
    }
  }
  return [...groups.values()].flatMap((errors) => {
    const { mean } = moments(errors);
    return errors.map((error) => Math.abs(error - mean));
  });
}

const TOGETHER = 50; // ms
const FOR_GOOD = 1_000_000; // µs

/** How long after a host instant, in ms, a player's pictures were within 50 ms of their due; undefined if never. */
export function settledAfter(run: RunView, player: PlayerView, from: number): number | undefined {
  const frames = player.frames.filter(({ at }) => at >= from);
  const good = frames.map(
    (frame) => Math.abs(frameError(run, frame) ?? Number.POSITIVE_INFINITY) <= TOGETHER,
  );
  const i = frames.findIndex(
    (first, k) =>
      good[k] === true &&
      frames.every((frame, m) => m < k || frame.at > first.at + FOR_GOOD || good[m] === true),
  );
  const first = frames[i];
  return first === undefined ? undefined : (first.at - from) / 1000;
}

/** At each opening: where the overlay was against the picture under it, ms. Positive: the overlay is later. */
export function overlayAgainstFrame(
  run: RunView,
  player: PlayerView,
): { cue: string; at: number; off: number }[] {
  const cues = new Map(run.record.cues.map((cue) => [cue.id, cue]));
  return [...player.opened].flatMap(([id, at]) => {
    const cue = cues.get(id);
    const near = player.frames.filter((frame) => Math.abs(frame.at - at) < FRESH);
    const errors = near.flatMap((frame) => frameError(run, frame) ?? []).sort((a, b) => a - b);
    const error = errors[Math.floor(errors.length / 2)];
    if (cue === undefined || error === undefined || hidden(run.record, player.plan.id, at)) return [];
    return { cue: id, at, off: (run.room.at(at) - cue.o) / 1000 - error };
  });
}
