/**
 * What the rundown means: which cue is on air, which draft is next, and what
 * may be done to a cue now. Pure; the server has the last word on all of it.
 */
import {
  type Cue,
  type CueState,
  MAIN_SLOT,
  type OpeningsMessage,
  type RoomState,
} from "@cuelight/player/core";

/** How long before O or C a command must come, in µs. */
export const NOTICE_US = 500_000;

/** From how long before O on nothing moves it any more, in µs. */
export const PIN_US = 2_000_000;

const taken: ReadonlySet<CueState> = new Set([
  "scheduled",
  "armed",
  "keyed",
  "open",
  "paused",
  "closing",
  "closed",
  "revealed",
]);
const running: ReadonlySet<CueState> = new Set(["scheduled", "armed", "keyed", "open", "paused", "closing"]);
const waiting: ReadonlySet<CueState> = new Set(["scheduled", "armed", "keyed"]);

/** Taken, and its window is not over. */
export const isRunning = (cue: Cue): boolean => running.has(cue.state);

/** Taken, and its window has not opened. */
export const isWaiting = (cue: Cue): boolean => waiting.has(cue.state);

/** Whether its picture has stopped and it waits for a decision. */
export const isOrphaned = (cue: Cue): boolean => cue.orphaned === true && isWaiting(cue);

/** Its place on screen. */
export const slotOf = (cue: Cue): string => cue.slot || MAIN_SLOT;

/** Whether its window has no end until somebody resumes it. */
export const isHalted = (cue: Cue): boolean => cue.pause_us !== undefined && cue.resume_us === undefined;

/** The share of its window that is left, 0 to 1. While paused it stands still. */
export function windowLeft(cue: Cue, now: number): number {
  const { o_us = 0, c_us = 0, window_ms } = cue;
  const left = cue.state === "paused" ? (cue.remaining_ms ?? 0) * 1000 : c_us - Math.max(now, o_us);
  const whole = cue.pause_us === undefined ? c_us - o_us : window_ms * 1000;
  return whole > 0 ? Math.min(1, Math.max(0, left / whole)) : 0;
}

/** What the studio calls a state. */
export const stateName: Readonly<Record<CueState, string>> = {
  draft: "Draft",
  scheduled: "Taken",
  armed: "Armed",
  keyed: "Opening",
  open: "Open",
  paused: "Paused",
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

/**
 * The cues to work on: of each place on screen the one taken last. The cue taken
 * last of all comes first, and stays until another is taken; the others stay
 * until they are revealed.
 */
export function onAir(room: RoomState): readonly Cue[] {
  const places = new Map<string, Cue>();
  for (const cue of room.cues.values()) {
    const have = places.get(slotOf(cue));
    if (taken.has(cue.state) && (have === undefined || (cue.o_us ?? 0) >= (have.o_us ?? 0))) {
      places.set(slotOf(cue), cue);
    }
  }
  const first = activeCue(room);
  const others = [...places.values()].filter((cue) => cue.id !== first?.id && cue.state !== "revealed");
  return first === undefined ? [] : [first, ...others.sort((a, b) => compare(b.o_us ?? 0, a.o_us ?? 0))];
}

/** The cue that keeps `next` from being taken: one in the same place whose count is not final. */
export const blocker = (room: RoomState, next: Cue): Cue | undefined =>
  [...room.cues.values()].find((cue) => isRunning(cue) && slotOf(cue) === slotOf(next));

/** The draft that TAKE takes: the chosen one, else the first. */
export function nextDraft(room: RoomState, selected: string | undefined): Cue | undefined {
  const chosen = selected === undefined ? undefined : room.cues.get(selected);
  if (chosen?.state === "draft") return chosen;
  return rundown(room).find((cue) => cue.state === "draft");
}

/** The openings of the cue that is looked at, else of the cue on air; until it has any, of the one heard of last. */
export function lastOpenings(room: RoomState, looked?: string): OpeningsMessage | undefined {
  const chosen = looked === undefined ? undefined : room.openings.get(looked);
  if (chosen !== undefined) return chosen;
  const active = activeCue(room);
  const own = active === undefined ? undefined : room.openings.get(active.id);
  if (own !== undefined) return own;
  const place = (each: OpeningsMessage): number => room.cues.get(each.cue)?.o_us ?? 0;
  return [...room.openings.values()].sort((a, b) => compare(place(a), place(b))).at(-1);
}

/** What may be done to a taken cue at an instant. */
export interface Allowed {
  /** O and the text may change. */
  readonly move: boolean;
  readonly extend: boolean;
  readonly pause: boolean;
  readonly resume: boolean;
  readonly close: boolean;
  readonly reveal: boolean;
  /** Let reveal wait for the light. */
  readonly revealClear: boolean;
  /** Withdraw: `cancel` before anybody has seen it, `void` afterwards. */
  readonly withdraw: "cancel" | "void" | undefined;
}

/** @param now - µs on R; undefined while the clock is not known. */
export function allowed(cue: Cue, now: number | undefined): Allowed {
  const open = cue.o_us ?? 0;
  const close = cue.c_us ?? 0;
  const halted = isHalted(cue);
  const counting = cue.state === "open" || cue.state === "paused";
  const beforeEnd = halted || now === undefined || now < close - NOTICE_US;
  return {
    move:
      isWaiting(cue) &&
      !isOrphaned(cue) &&
      cue.state !== "keyed" &&
      (now === undefined || now <= open - PIN_US),
    extend: isRunning(cue) && cue.state !== "closing" && beforeEnd,
    pause: cue.state === "open" && !halted && beforeEnd,
    resume: counting && halted,
    close: counting && beforeEnd,
    reveal: cue.state === "closed",
    revealClear: cue.reveal_armed !== true && (counting || cue.state === "closing" || cue.state === "closed"),
    withdraw: withdrawal(cue, now, open),
  };
}

function withdrawal(cue: Cue, now: number | undefined, open: number): Allowed["withdraw"] {
  if (isWaiting(cue))
    return cue.state === "keyed" || (now !== undefined && now > open - NOTICE_US) ? "void" : "cancel";
  return isRunning(cue) || cue.state === "closed" ? "void" : undefined;
}

/** How answers are taken, where that is not as usual; empty where it is. */
export function answerTerms(cue: Cue): string {
  const terms: string[] = [];
  if (cue.changes === true) terms.push("Answers may be changed until the window closes.");
  const spread = cue.spread_ms ?? 0;
  if (spread > 0) terms.push(`Sent spread over ${spread}\u00a0ms, which costs nobody time.`);
  return terms.join(" ");
}
