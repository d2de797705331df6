/**
 * Which cue a viewer sees, and for how long. Pure; time is an argument.
 *
 * @module
 */
import { type CuePhase, phaseOf, type RoomState } from "./room.ts";
import type { Micros } from "./units.ts";
import type { Cue } from "./wire.ts";

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

/** Remembers since when each cue has been in its phase, and picks the one to show. */
export class Stage {
  #seen = new Map<string, Seen>();

  /**
   * The cue to show when R shows `now`: the latest of those whose time it is.
   *
   * @param opened - Whether a cue's window was opened on this screen.
   */
  at(state: RoomState, now: Micros, opened: (cue: string) => boolean = () => true): Staged | undefined {
    const seen = new Map<string, Seen>();
    let best: Staged | undefined;
    for (const cue of state.cues.values()) {
      const phase = phaseHere(cue, now, opened(cue.id));
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

/** A window is open here from the display frame in which it was opened on: the one nearest to O, not the first after it. */
function phaseHere(cue: Cue, now: Micros, opened: boolean): CuePhase {
  const phase = phaseOf(cue, now);
  if (phase === "waiting") return opened ? "open" : phase;
  return phase === "open" && !opened ? "waiting" : phase;
}

function onStage(phase: CuePhase, since: Micros, now: Micros): boolean {
  switch (phase) {
    case "open":
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

const prefers = (cue: Cue, phase: CuePhase, best: Staged): boolean =>
  (phase === "open") === (best.phase === "open") ? (cue.o_us ?? 0) > (best.cue.o_us ?? 0) : phase === "open";
