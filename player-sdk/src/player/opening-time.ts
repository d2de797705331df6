/**
 * When a cue opens on this screen, by its policy and by what is known of the
 * clock. Pure; time is an argument.
 *
 * @module
 */
import {
  type Cue,
  closesAt,
  type Micros,
  type Millis,
  micros,
  millis,
  phaseOf,
  type RoomReader,
} from "../core/index.ts";

const USABLE = 250_000; // µs: a clock worse than this does not decide
const KEY_LEAD = 400; // ms between the key and O, as the server keeps it: for who has no usable clock
const MAX_LAG = millis(2000);
/** Who joins later than this before C sees the window closed. */
const TOO_LATE = 3_000_000; // µs
/** In the archive a cue that is further back than this is not shown any more. */
const ARCHIVE_NEWS = 8000; // ms

/** What an opening goes by. */
export interface OpeningInput {
  readonly cue: Cue;
  /** This device's clock. */
  readonly now: Millis;
  readonly clock: RoomReader;
  /** When the text of the cue was first known here; undefined without it. */
  readonly keyedAt: Millis | undefined;
  /** When media time T is on this screen, on R; undefined if nobody knows. */
  readonly screenInstant: Micros | undefined;
  /** The viewer is in the archive: behind the room by choice. */
  readonly archive: boolean;
}

/** Whether nobody answers this cue here. */
export const isArchive = ({ cue, archive }: Pick<OpeningInput, "cue" | "archive">): boolean =>
  archive || cue.policy === "archive";

/** When to open, on this device's clock; Infinity while that cannot be said. */
export function openingTime(input: OpeningInput): Millis {
  const { cue, clock, now, keyedAt } = input;
  if (keyedAt === undefined || cue.o_us === undefined) return NEVER;
  const usable = clock.dispersion(now) <= USABLE;
  if (isArchive(input)) return archiveTime(input);
  const due = usable ? clock.localAt(dueOnRoom(cue, cue.o_us, input.screenInstant)) : undefined;
  if (due !== undefined) return due;
  return cue.state === "open" || cue.state === "paused" ? keyedAt : millis(keyedAt + KEY_LEAD);
}

const NEVER = millis(Number.POSITIVE_INFINITY);

/** The wall policy goes by O alone; the playhead policy waits for the own picture, but not for ever. */
function dueOnRoom(cue: Cue, opens: Micros, screenInstant: Micros | undefined): Micros {
  if (cue.policy !== "playhead" || cue.media === undefined) return opens;
  const latest = opens + (cue.max_lag_ms ?? MAX_LAG) * 1000;
  return micros(Math.min(latest, Math.max(opens, screenInstant ?? latest)));
}

function archiveTime({ clock, now, screenInstant }: OpeningInput): Millis {
  const at = screenInstant === undefined ? undefined : clock.localAt(screenInstant);
  return at === undefined || now - at > ARCHIVE_NEWS ? NEVER : at;
}

/** How a cue that is first seen when R shows `now` is joined. */
export function joining(cue: Cue, now: Micros): "in time" | "late" | "shut" {
  const phase = phaseOf(cue, now);
  if (phase === "waiting" || phase === "draft") return "in time";
  if (phase !== "open" && phase !== "paused") return "shut";
  return now < (closesAt(cue) ?? 0) - TOO_LATE ? "late" : "shut";
}
