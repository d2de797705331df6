/**
 * The target latency and how it changes: along one line on R for everybody, so
 * that players stay together while they glide. Pure; time is an argument.
 *
 * @module
 */
import { type Micros, type Millis, millis } from "./units.ts";
import type { Timeline } from "./wire.ts";

/** How fast L moves, in ms a ms: what a change of the playback rate by 3 % does. */
export const GLIDE = 0.03;

interface Change {
  readonly from: Millis;
  readonly to: Millis;
  readonly at: Micros;
}

/** L at every instant of R, from what timelines say. */
export class TargetLatency {
  #change: Change | undefined;

  /** Takes what a timeline says when R shows `now`; undefined while R is not known. */
  follow({ latency_ms, next }: Pick<Timeline, "latency_ms" | "next">, now: Micros | undefined): void {
    const have = this.#change;
    if (have === undefined || now === undefined) {
      this.#change = { from: latency_ms, to: latency_ms, at: 0 as Micros };
    }
    if (next !== undefined) this.#head(next.latency_ms, next.at_us, now);
    else if (this.#change !== undefined) this.#head(latency_ms, now ?? this.#change.at, now);
  }

  /** A change that is known already goes on as it was announced. */
  #head(to: Millis, at: Micros, now: Micros | undefined): void {
    const have = this.#change;
    if (have === undefined || have.to === to) return;
    const from = now === undefined ? have.from : this.at(now > at ? now : at);
    this.#change = { from: from ?? have.from, to, at: now !== undefined && now > at ? now : at };
  }

  /** L when R shows `now`; undefined before the first timeline. */
  at(now: Micros | undefined): Millis | undefined {
    const c = this.#change;
    if (c === undefined || now === undefined) return c?.to;
    const gone = Math.max(0, (now - c.at) / 1000) * GLIDE;
    const far = Math.abs(c.to - c.from);
    return gone >= far ? c.to : millis(c.from + Math.sign(c.to - c.from) * gone);
  }

  /** Where L will be in the end. */
  get final(): Millis | undefined {
    return this.#change?.to;
  }

  /** By how much L moves when R shows `now`, in ms a ms. */
  slope(now: Micros | undefined): number {
    const c = this.#change;
    if (c === undefined || now === undefined || now < c.at || this.at(now) === c.to) return 0;
    return Math.sign(c.to - c.from) * GLIDE;
  }
}
