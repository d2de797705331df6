/**
 * Which cue a viewer sees, and for how long. Pure; time is an argument.
 *
 * @module
 */
import { type CuePhase, phaseOf } from "./phase.ts";
import type { RoomState } from "./room.ts";
import type { Micros } from "./units.ts";
import { type Cue, MAIN_SLOT } from "./wire.ts";

/** How long a result stays on screen. */
const RESULT_SPAN = 8_000_000; // µs
/** How long the end of a window waits for the server's count. */
const CLOSING_SPAN = 30_000_000; // µs
/** A result older than this when first seen is history. */
const RESULT_NEWS = 30_000_000; // µs

/** A cue on stage. */
export interface Staged {
  readonly cue: Cue;
  readonly phase: CuePhase;
}

interface Seen {
  readonly phase: CuePhase;
  /** When the phase was first seen. */
  readonly at: Micros;
}

/**
 * How a cue stands on this screen: not shown yet, its window opened, joined too
 * late for its window; and for who is behind by choice: still to come on the
 * own picture, or there.
 */
export type Standing = "unseen" | "open" | "shut" | "later" | "archive";

/** Remembers since when each cue has been in its phase, and picks the one to show in a place on screen. */
export class Stage {
  readonly #slot: string;
  #seen = new Map<string, Seen>();

  /** @param slot - The place on screen. */
  constructor(slot: string = MAIN_SLOT) {
    this.#slot = slot;
  }

  /** The cue to show when R shows `now`: the latest of those whose time it is. */
  at(state: RoomState, now: Micros, standing: (cue: string) => Standing = () => "open"): Staged | undefined {
    const seen = new Map<string, Seen>();
    let best: Staged | undefined;
    for (const cue of state.cues.values()) {
      if ((cue.slot ?? MAIN_SLOT) !== this.#slot) continue;
      const phase = phaseHere(cue, now, standing(cue.id));
      const since = this.#since(cue, phase, now);
      seen.set(cue.id, { phase, at: since });
      if (!onStage(phase, since, now)) continue;
      if (best === undefined || prefers(cue, phase, best)) best = { cue, phase };
    }
    this.#seen = seen;
    return best;
  }

  #since(cue: Cue, phase: CuePhase, now: Micros): Micros {
    const before = this.#seen.get(cue.id);
    if (before?.phase === phase) return before.at;
    if (before !== undefined || now - (cue.c_us ?? 0) < RESULT_NEWS) return now;
    return 0 as Micros;
  }
}

/**
 * A window is open here from the display frame in which it was opened on: the one nearest to O, not the first after
 * it. Who came too late to answer sees it closed; in the archive, nobody answers.
 */
function phaseHere(cue: Cue, now: Micros, standing: Standing): CuePhase {
  const phase = phaseOf(cue, now);
  if (phase === "draft" || phase === "gone") return phase;
  if (standing === "archive") return phase === "revealed" ? phase : "closed";
  if (standing === "later" || cue.policy === "archive") return "waiting";
  if (phase === "waiting") return standing === "open" ? "open" : phase;
  if (phase !== "open" && phase !== "paused") return phase;
  if (standing === "open") return phase;
  return standing === "shut" ? "closing" : "waiting";
}

function onStage(phase: CuePhase, since: Micros, now: Micros): boolean {
  switch (phase) {
    case "open":
    case "paused":
      return true;
    case "closing":
      return now - since < CLOSING_SPAN;
    case "closed":
    case "revealed":
      return now - since < RESULT_SPAN;
    case "draft":
    case "waiting":
    case "gone":
      return false;
    default:
      return phase satisfies never;
  }
}

const asks = (phase: CuePhase): boolean => phase === "open" || phase === "paused";

const prefers = (cue: Cue, phase: CuePhase, best: Staged): boolean =>
  asks(phase) === asks(best.phase) ? (cue.o_us ?? 0) > (best.cue.o_us ?? 0) : asks(phase);
