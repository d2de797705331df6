/**
 * How long to wait before coming back. Pure.
 *
 * @module
 */
import { type Millis, millis } from "./units.ts";

const BASE = 500;
const CAP = 15_000;

/**
 * Full jitter: anything between nothing and a bound that doubles with every
 * attempt, so that a hundred thousand clients do not come back together.
 *
 * @param attempt - Failures so far, from 0.
 * @param random - In [0, 1).
 * @param atLeast - What the server asked for.
 */
export function backoff(attempt: number, random: number, atLeast: Millis = millis(0)): Millis {
  const bound = Math.min(CAP, BASE * 2 ** Math.min(attempt, 10));
  return millis(atLeast + random * bound);
}
