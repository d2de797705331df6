/**
 * Lets the browser itself show a card at its instant: an animation of its
 * opacity runs on, even while the page's own thread is busy. In Chromium 156 a
 * card appeared 19 ms after its instant while the page was busy from 0.2 s
 * before it to 0.6 s after it.
 *
 * @module
 */
import type { OverlayView } from "./overlay-view.ts";

const STEP = 1; // ms from hidden to shown: no frame falls within
const TOLERANCE = 0.5; // ms by which the instant may change without a new animation

/** One animation at a time. */
export class Curtain {
  #cue = "";
  #opensAt = 0;
  #card: HTMLElement | undefined;
  #animation: Animation | undefined;

  /** Whether the card of this cue appears by itself. */
  drives(cue: string): boolean {
    return this.#animation !== undefined && this.#cue === cue && this.#animation.playState !== "idle";
  }

  /** Takes the card that is hidden still, and what it shows; without either, or an instant, nothing appears by itself. */
  hang(card: HTMLElement | undefined, view: OverlayView | undefined): void {
    if (card === undefined || view?.opensAt === undefined) {
      this.drop();
      return;
    }
    const same = this.#card === card && this.#cue === view.cue;
    if (same && Math.abs(view.opensAt - this.#opensAt) < TOLERANCE) return;
    this.drop();
    this.#card = card;
    this.#cue = view.cue;
    this.#opensAt = view.opensAt;
    this.#animation = card.animate([{ opacity: 0 }, { opacity: 1 }], { duration: STEP, fill: "both" });
    this.#animation.startTime = view.opensAt;
  }

  /** Leaves the card to its styles. */
  drop(): void {
    this.#animation?.cancel();
    this.#animation = undefined;
    this.#card = undefined;
    this.#cue = "";
  }
}
