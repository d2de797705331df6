/**
 * The position of a playing element where no frames are told: a straight line
 * through `currentTime`, which browsers change in steps. Pure; time is an
 * argument.
 *
 * @module
 */
import { type Millis, type Seconds, seconds } from "../core/index.ts";

const SPAN = 2000; // ms of samples that are kept
const LEAST = 1000; // ms that they must cover
const ENOUGH = 8;
const JUMP = 0.25; // s off the line: a seek, or a stop

interface Sample {
  readonly at: number;
  readonly position: number;
}

/** Least squares over the last two seconds. */
export class PositionFit {
  #samples: Sample[] = [];

  /** Takes a reading. Only a position that has just changed says where the element is. */
  add(at: Millis, position: Seconds): void {
    const last = this.#samples.at(-1);
    if (last !== undefined && position === last.position) return;
    if (last !== undefined && Math.abs(position - last.position - (at - last.at) / 1000) > JUMP) this.clear();
    this.#samples.push({ at, position });
    while ((this.#samples[0]?.at ?? at) < at - SPAN) this.#samples.shift();
  }

  /** Forgets everything: another place, or another rate. */
  clear(): void {
    this.#samples = [];
  }

  /** The position at `now`; undefined with less than a second of samples. */
  at(now: Millis): Seconds | undefined {
    const first = this.#samples[0];
    const last = this.#samples.at(-1);
    if (first === undefined || last === undefined || this.#samples.length < ENOUGH) return undefined;
    if (last.at - first.at < LEAST || now - last.at > LEAST) return undefined;
    const n = this.#samples.length;
    const meanAt = this.#samples.reduce((sum, s) => sum + s.at, 0) / n;
    const mean = this.#samples.reduce((sum, s) => sum + s.position, 0) / n;
    let xy = 0;
    let xx = 0;
    for (const { at, position } of this.#samples) {
      xy += (at - meanAt) * (position - mean);
      xx += (at - meanAt) ** 2;
    }
    return seconds(mean + (xy / xx) * (now - meanAt));
  }
}
