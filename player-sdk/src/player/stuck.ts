/**
 * Whether a player cannot hold the target latency. Pure; time is an argument.
 *
 * @module
 */
import type { Millis } from "../core/index.ts";
import type { PlayerView } from "./view.ts";

const SPAN = 30_000; // ms without holding it
const WELL = 5000; // ms in step and in one piece that count as holding it
const FLOOR = 300; // ms of buffer

/** Looks at the player a few times a second. */
export class StuckMeter {
  #watchedSince: number | undefined;
  #wellSince: number | undefined;
  #lastWell = Number.NEGATIVE_INFINITY;
  #lastTrouble = Number.NEGATIVE_INFINITY;

  /** Whether, visible and playing for 30 s, it did not hold L, for want of media. */
  step(view: Pick<PlayerView, "phase" | "buffer" | "class">, visible: boolean, now: Millis): boolean {
    const watched = visible && (view.phase === "playing" || view.phase === "stalled");
    if (!watched) {
      this.#watchedSince = this.#wellSince = undefined;
      return false;
    }
    this.#watchedSince ??= now;
    const trouble = view.phase === "stalled" || view.buffer < FLOOR;
    if (trouble) this.#lastTrouble = now;
    this.#wellSince = trouble || view.class !== "in" ? undefined : (this.#wellSince ?? now);
    if (this.#wellSince !== undefined && now - this.#wellSince >= WELL) this.#lastWell = now;
    const since = Math.max(this.#watchedSince, this.#lastWell);
    return now - since >= SPAN && now - this.#lastTrouble < SPAN;
  }
}
