/**
 * Finds cues in playlists and media, for a player without a socket.
 *
 * @module
 */
import {
  type CarriedCue,
  fromAttribute,
  IN_BAND_CLASS,
  micros,
  readCarried,
  ShapeError,
  userText,
} from "../core/index.ts";

/** What is needed of a date range of hls.js. */
export interface CueRange {
  readonly class: string;
  readonly startDate: Date;
  readonly attr: Readonly<Record<string, unknown>>;
}

/** Cues among the date ranges of a playlist that are not in `told`; they are added to it. What cannot be read is none. */
export function carriedByRanges(
  ranges: Readonly<Record<string, CueRange | undefined>>,
  told: Set<string>,
): CarriedCue[] {
  const cues: CarriedCue[] = [];
  for (const [id, range] of Object.entries(ranges)) {
    const data = range?.attr["X-CUELIGHT-CUE"];
    if (range === undefined || range.class !== IN_BAND_CLASS || typeof data !== "string" || told.has(id))
      continue;
    told.add(id);
    const cancelled = range.attr["X-CUELIGHT-CANCELLED"] === "YES";
    const at = micros(range.startDate.getTime() * 1000);
    const carried = attempt(() => readCarried(fromAttribute(data), at));
    if (carried === undefined) continue;
    cues.push(cancelled ? { ...carried, cue: withdrawn(carried) } : carried);
  }
  return cues;
}

const withdrawn = ({ cue }: CarriedCue): CarriedCue["cue"] =>
  cue.state === "void" ? cue : { ...cue, state: "cancelled" };

/** Cues among the events inside the media, likewise. */
export function carriedByEvents(
  samples: readonly { readonly data: Uint8Array }[],
  told: Set<string>,
): CarriedCue[] {
  const cues: CarriedCue[] = [];
  for (const { data } of samples) {
    const json = userText(data, IN_BAND_CLASS);
    const carried = json === undefined ? undefined : attempt(() => readCarried(json));
    if (carried === undefined) continue;
    const id = `cue-${carried.cue.id}-r${carried.cue.rev}`; // as playlists name it
    if (!told.has(id)) cues.push(carried);
    told.add(id);
  }
  return cues;
}

function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (cause) {
    if (cause instanceof ShapeError) return undefined;
    throw cause;
  }
}
