/**
 * Where a cue is in its life, by the room clock. Pure; time is an argument.
 *
 * @module
 */
import type { Cue } from "./cue.ts";
import { type Micros, type Millis, micros, millis } from "./units.ts";

/** Where a cue is in its life. */
export type CuePhase = "draft" | "waiting" | "open" | "paused" | "closing" | "closed" | "revealed" | "gone";

/** The phase of `cue` when R shows `now`: from its instants, not from when a message came. */
export function phaseOf(cue: Cue, now: Micros): CuePhase {
  switch (cue.state) {
    case "draft":
    case "closed":
    case "revealed":
      return cue.state;
    case "cancelled":
    case "void":
      return "gone";
    case "scheduled":
    case "armed":
    case "keyed":
    case "open":
    case "paused":
    case "closing":
      return byClock(cue, now);
    default:
      return cue.state satisfies never;
  }
}

function byClock(cue: Cue, now: Micros): CuePhase {
  const closes = closesAt(cue);
  if (cue.o_us === undefined || closes === undefined || now < cue.o_us) return "waiting";
  if (isPaused(cue, now)) return "paused";
  return now < closes ? "open" : "closing";
}

const isPaused = ({ state, pause_us, resume_us }: Cue, now: Micros): boolean =>
  state !== "closing" &&
  pause_us !== undefined &&
  now >= pause_us &&
  (resume_us === undefined || now < resume_us);

/** Whether the cue is paused, or will be, and nobody knows until when. */
const standsStill = ({ state, pause_us, resume_us }: Cue): boolean =>
  state !== "closing" && pause_us !== undefined && resume_us === undefined;

/** C: when the window closes; Infinity while a pause has no end, undefined while it is not known. */
export function closesAt(cue: Cue): Micros | undefined {
  return standsStill(cue) ? micros(Number.POSITIVE_INFINITY) : cue.c_us;
}

/**
 * What the countdown shows: the instant at which it runs out, or, while the cue
 * is paused, how much is left. Undefined without a window.
 */
export function timeLeft(
  cue: Cue,
  paused: boolean,
): { readonly until: Micros } | { readonly left: Millis } | undefined {
  const { pause_us, remaining_ms = millis(0), c_us } = cue;
  if (paused) return { left: remaining_ms };
  if (standsStill(cue) && pause_us !== undefined) return { until: micros(pause_us + remaining_ms * 1000) };
  return c_us === undefined ? undefined : { until: c_us };
}

/** Whether the window of `cue` is open, or opens within `lead`, when R shows `now`. */
export function isOpening(cue: Cue, now: Micros, lead: Micros): boolean {
  const phase = phaseOf(cue, now);
  if (phase === "open" || phase === "paused") return true;
  return phase === "waiting" && cue.o_us !== undefined && now >= cue.o_us - lead;
}
