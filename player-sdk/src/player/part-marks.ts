/**
 * Tells hls.js which parts it has. hls.js 1.7.4 forgets it of parts that were on
 * their way while their playlist was refreshed, as happens on a busy device. If
 * the buffer then ends a microsecond before its segment does, hls.js believes
 * that the segment is wanting still and has it already, and loads nothing more.
 *
 * @module
 */
import type { LevelDetails } from "hls.js";

/** What is buffered may begin and end this much within a part, s: rounding of the playlist. */
const ROUNDING = 0.002;

/** Ranges of the element's buffer, s. */
export type Ranges = Pick<TimeRanges, "length" | "start" | "end">;

/** Marks as loaded what is buffered whole. Returns how many parts were not marked. */
export function markLoaded(details: Pick<LevelDetails, "partList">, buffered: Ranges): number {
  let marked = 0;
  for (const part of details.partList ?? []) {
    const { start, end } = part;
    if (part.loaded || part.gap || !holds(buffered, start, end)) continue;
    const times = { startPTS: start, endPTS: end, startDTS: start, endDTS: end };
    part.elementaryStreams[part.fragment.type === "audio" ? "audio" : "video"] = times;
    marked++;
  }
  return marked;
}

function holds(buffered: Ranges, start: number, end: number): boolean {
  for (let i = 0; i < buffered.length; i++) {
    if (buffered.start(i) <= start + ROUNDING && buffered.end(i) >= end - ROUNDING) return true;
  }
  return false;
}
