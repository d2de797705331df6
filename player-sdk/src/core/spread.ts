/**
 * How much later than its tap a viewer sends an answer, so that a crowd that
 * taps together does not arrive together. Pure; the server works it out alike
 * and gives it back.
 *
 * @module
 */
import { type Millis, millis } from "./units.ts";

// FNV-1a with 64 bits.
const OFFSET = 14_695_981_039_346_656_037n;
const PRIME = 1_099_511_628_211n;

const bytes = new TextEncoder();

/**
 * The delay of a participant's answer to a cue: whole milliseconds in
 * [0, spread]. A spread of less than a millisecond is none.
 */
export function sendDelay(cue: string, participant: string, spread: Millis): Millis {
  if (spread < 1) return millis(0);
  let hash = OFFSET;
  for (const byte of bytes.encode(`${cue}\n${participant}`)) {
    hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * PRIME);
  }
  return millis(Number(hash % BigInt(Math.floor(spread) + 1)));
}
