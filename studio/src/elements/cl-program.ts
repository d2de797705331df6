import type { Connection } from "@cuelight/player/core";
import { css, html, LitElement, type TemplateResult } from "lit";
import { elapsed } from "../format.ts";
import { base, panel } from "../theme.ts";
import type { ClPreview } from "./cl-preview.ts";

/** What goes out: the light that says whether the channel is live, and the picture. */
export class ClProgram extends LitElement {
  static override readonly properties = {
    connection: { attribute: false },
    live: { type: Boolean },
    known: { type: Boolean },
    ended: { type: Boolean },
    uptime: { attribute: false },
  };
  static override readonly styles = [
    base,
    panel,
    css`
      .panel { padding: 0; overflow: hidden; }
      .light { display: flex; align-items: center; gap: 10px; padding: 10px 14px; font-size: 16px; font-weight: 750; letter-spacing: 0.08em; color: var(--cl-muted); }
      .lamp { width: 14px; height: 14px; border-radius: 50%; background: var(--cl-line-strong); }
      .light[data-live="true"] { background: var(--cl-live-fill); color: var(--cl-on-live); }
      .light[data-live="true"] .lamp { background: currentColor; animation: breathe 2.4s ease-in-out infinite; }
      .uptime { margin-left: auto; font-weight: 600; letter-spacing: 0; font-size: 14px; }
      @keyframes breathe { 50% { opacity: 0.45; } }
    `,
  ];

  /** The studio's connection to the channel. */
  declare connection: Connection | undefined;
  declare live: boolean;
  /** Whether the server has said if the channel is live. */
  declare known: boolean;
  /** Whether the event is over and the next one has not begun. */
  declare ended: boolean;
  /** Seconds since the encoder came. */
  declare uptime: number | undefined;

  constructor() {
    super();
    this.live = false;
    this.known = false;
    this.ended = false;
  }

  /** Instant P of the picture in the preview, in µs on R; undefined while it shows none. */
  get shownInstant(): number | undefined {
    return this.renderRoot.querySelector<ClPreview>("cl-preview")?.shownInstant;
  }

  protected override render(): TemplateResult {
    const off = this.ended ? "EVENT ENDED" : "OFFLINE";
    const word = this.live ? "LIVE" : this.known ? off : "…";
    return html`
      <section class="panel" aria-label="Programme">
        <div class="light" role="status" data-testid="channel-live" data-live=${this.live}>
          <span class="lamp"></span>${word}
          <span class="uptime number" role="timer" aria-live="off" aria-label="On air for">${this.live && this.uptime !== undefined ? elapsed(this.uptime) : ""}</span>
        </div>
        <cl-preview .connection=${this.connection}></cl-preview>
      </section>`;
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "cl-program": ClProgram;
  }
}
