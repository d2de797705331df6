import { css, html, LitElement, nothing, type TemplateResult } from "lit";
import { countdown } from "../format.ts";
import { base } from "../theme.ts";
import { Ticker } from "../ticker.ts";

/** Reads the room clock R in µs; undefined while it is not known. */
export type RoomNow = () => number | undefined;

/**
 * Time left until an instant on the room clock.
 * Not announced to screen readers as it runs: they are told of states.
 */
export class ClCountdown extends LitElement {
  static override readonly properties = {
    now: { attribute: false },
    until: { type: Number },
    label: { type: String },
  };
  static override readonly styles = [
    base,
    css`
      .line { display: flex; align-items: baseline; justify-content: flex-end; gap: 8px; }
      .left { font-size: clamp(24px, 3.2vw, 34px); font-weight: 700; line-height: 1.1; letter-spacing: -0.01em; }
    `,
  ];

  /** The room clock. */
  declare now: RoomNow | undefined;
  /** The instant counted towards, in µs on R. */
  declare until: number;
  /** What happens then, for example "closes in". */
  declare label: string;

  constructor() {
    super();
    this.until = 0;
    this.label = "";
    new Ticker(this, 100, () => this.until > 0);
  }

  protected override render(): TemplateResult | typeof nothing {
    const now = this.now?.();
    if (this.until <= 0) return nothing;
    const left = now === undefined ? undefined : (this.until - now) / 1000;
    return html`
      <div class="line" role="timer" aria-live="off">
        <span class="muted">${this.label}</span>
        <span class="left number">${left === undefined ? "–" : countdown(left)}</span>
      </div>`;
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "cl-countdown": ClCountdown;
  }
}
