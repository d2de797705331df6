/**
 * What the rundown means: which cue is on air, which draft is next, and what
 * may be done to a cue now. Pure; the server has the last word on all of it.
 */
import type { Cue, CueState, OpeningsMessage, RoomState } from "@cuelight/player/core";

/** How long before O or C a command must come, in µs. */
export const NOTICE_US = 500_000;

const taken: ReadonlySet<CueState> = new Set([
  "scheduled",
  "armed",
  "keyed",
  "open",
  "closing",
  "closed",
  "revealed",
]);
const running: ReadonlySet<CueState> = new Set(["scheduled", "armed", "keyed", "open", "closing"]);
const waiting: ReadonlySet<CueState> = new Set(["scheduled", "armed", "keyed"]);

/** Taken, and its window is not over. */
export const isRunning = (cue: Cue): boolean => running.has(cue.state);

/** Taken, and its window has not opened. */
export const isWaiting = (cue: Cue): boolean => waiting.has(cue.state);

/** What the studio calls a state. */
export const stateName: Readonly<Record<CueState, string>> = {
  draft: "Draft",
  scheduled: "Taken",
  armed: "Armed",
  keyed: "Opening",
  open: "Open",
  closing: "Closing",
  closed: "Closed",
  revealed: "Revealed",
  cancelled: "Cancelled",
  void: "Void",
};

/** The rundown in its order: what was taken, oldest first, then the drafts as they were made. */
export function rundown(room: RoomState): readonly Cue[] {
  const cues = [...room.cues.values()];
  const made = new Map(cues.map((cue, i) => [cue.id, i]));
  const place = (cue: Cue): number => (cue.state === "draft" ? Number.POSITIVE_INFINITY : (cue.o_us ?? 0));
  return cues.sort(
    (a, b) => compare(place(a), place(b)) || compare(made.get(a.id) ?? 0, made.get(b.id) ?? 0),
  );
}

const compare = (a: number, b: number): number => (a < b ? -1 : a > b ? 1 : 0);

/** The cue on air: the one taken last and not withdrawn. */
export function activeCue(room: RoomState): Cue | undefined {
  let active: Cue | undefined;
  for (const cue of room.cues.values()) {
    if (!taken.has(cue.state)) continue;
    if (active === undefined || (cue.o_us ?? 0) >= (active.o_us ?? 0)) active = cue;
  }
  return active;
}

/** The draft that TAKE takes: the chosen one, else the first. */
export function nextDraft(room: RoomState, selected: string | undefined): Cue | undefined {
  const chosen = selected === undefined ? undefined : room.cues.get(selected);
  if (chosen?.state === "draft") return chosen;
  return rundown(room).find((cue) => cue.state === "draft");
}

/** The openings of the cue on air; until it has any, of the one that was heard of last. */
export function lastOpenings(room: RoomState): OpeningsMessage | undefined {
  const active = activeCue(room);
  const own = active === undefined ? undefined : room.openings.get(active.id);
  if (own !== undefined) return own;
  const place = (each: OpeningsMessage): number => room.cues.get(each.cue)?.o_us ?? 0;
  return [...room.openings.values()].sort((a, b) => compare(place(a), place(b))).at(-1);
}

/** What may be done to a taken cue at an instant. */
export interface Allowed {
  readonly extend: boolean;
  readonly close: boolean;
  readonly reveal: boolean;
  /** Withdraw: `cancel` before anybody has seen it, `void` afterwards. */
  readonly withdraw: "cancel" | "void" | undefined;
}

/** @param now - µs on R; undefined while the clock is not known. */
export function allowed(cue: Cue, now: number | undefined): Allowed {
  const open = cue.o_us ?? 0;
  const close = cue.c_us ?? 0;
  const running = isRunning(cue) && cue.state !== "closing";
  return {
    extend: running && (now === undefined || now < close - NOTICE_US),
    close: cue.state === "open" && (now === undefined || now < close - NOTICE_US),
    reveal: cue.state === "closed",
    withdraw: withdrawal(cue, now, open),
  };
}

function withdrawal(cue: Cue, now: number | undefined, open: number): Allowed["withdraw"] {
  if (isWaiting(cue))
    return cue.state === "keyed" || (now !== undefined && now >= open - NOTICE_US) ? "void" : "cancel";
  return cue.state === "open" || cue.state === "closing" || cue.state === "closed" ? "void" : undefined;
}
