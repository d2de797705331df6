import type { Cue } from "@cuelight/player/core";
import { css, html, LitElement, type TemplateResult } from "lit";
import { isRunning, windowLeft } from "../rundown.ts";
import { base } from "../theme.ts";
import { Ticker } from "../ticker.ts";
import type { RoomNow } from "./cl-countdown.ts";

/**
 * How much of a cue's window is left, as a bar that runs down between O and C.
 *
 * @cssproperty --cl-go - Colour while the window is open.
 */
export class ClWindowBar extends LitElement {
  static override readonly properties = { cue: { attribute: false }, now: { attribute: false } };
  static override readonly styles = [
    base,
    css`
      :host { height: 4px; border-radius: 2px; overflow: hidden; background: var(--cl-raised); }
      div {
        height: 100%; background: var(--cl-go); border-radius: 2px; transform-origin: left;
        transform: scaleX(var(--left, 0));
      }
      .waiting { background: var(--cl-wait); }
    `,
  ];

  declare cue: Cue | undefined;
  declare now: RoomNow | undefined;

  constructor() {
    super();
    new Ticker(this, 50, () => this.cue !== undefined && isRunning(this.cue));
  }

  protected override render(): TemplateResult {
    const { cue } = this;
    const now = this.now?.();
    const running = cue !== undefined && now !== undefined && isRunning(cue);
    const left = running ? windowLeft(cue, now) : 0;
    const waits = running && (now < (cue.o_us ?? 0) || cue.state === "paused");
    return html`<div class=${waits ? "waiting" : ""} .style=${`--left:${left.toFixed(4)}`}></div>`;
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "cl-window-bar": ClWindowBar;
  }
}
