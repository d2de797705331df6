import type { Cue } from "@cuelight/player/core";
import { css, html, LitElement, nothing, type TemplateResult } from "lit";
import { seconds, windowLength } from "../format.ts";
import { ActionRequest } from "../requests.ts";
import type { Command } from "../store.ts";
import { base, buttons, panel } from "../theme.ts";

/**
 * The draft that is next, and the one large button that takes it.
 *
 * @fires cl-action-request - Take the draft.
 */
export class ClNext extends LitElement {
  static override readonly properties = {
    cue: { attribute: false },
    latencyMs: { attribute: false },
    live: { type: Boolean },
    blocked: { type: String },
    pending: { attribute: false },
    complaint: { attribute: false },
  };
  static override readonly styles = [
    base,
    panel,
    buttons,
    css`
      .row { display: flex; align-items: center; gap: 18px; }
      .words { flex: 1; min-width: 0; }
      .title {
        font-size: 16px; font-weight: 650; overflow-wrap: anywhere; margin: 3px 0 2px;
        display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 2; overflow: hidden;
      }
      .what { font-size: 13px; text-wrap: pretty; }
      .take {
        min-width: 148px; min-height: 64px; font-size: 20px; font-weight: 750; letter-spacing: 0.06em; text-transform: uppercase;
        background: var(--cl-live-fill); color: var(--cl-on-live); border-color: transparent; border-radius: var(--cl-radius);
      }
      .take:hover:not(:disabled) { background: color-mix(in oklab, var(--cl-live-fill) 88%, #fff); border-color: transparent; }
      .take:disabled { background: var(--cl-raised); color: var(--cl-muted); border-color: var(--cl-line); }
      .take[aria-busy="true"] { background: var(--cl-wait-soft); color: var(--cl-wait); }
      .complaint {
        margin-top: 10px; padding: 8px 12px; border-radius: var(--cl-radius-small);
        background: var(--cl-live-soft); color: var(--cl-live); font-weight: 550;
      }
      @media (max-width: 560px) {
        .row { flex-direction: column; align-items: stretch; gap: 12px; }
      }
    `,
  ];

  /** The draft; undefined if there is none. */
  declare cue: Cue | undefined;
  /** The channel's target latency L; undefined if not known. */
  declare latencyMs: number | undefined;
  declare live: boolean;
  /** Why nothing can be taken now; empty if it can. */
  declare blocked: string;
  declare pending: Command | undefined;
  declare complaint: string | undefined;

  constructor() {
    super();
    this.live = false;
    this.blocked = "";
  }

  /** Takes the draft, if there is one and it can be taken. For the button and its hotkey. */
  take(): void {
    if (this.cue === undefined || this.blocked !== "" || this.pending !== undefined) return;
    this.dispatchEvent(new ActionRequest(this.cue.id, "take"));
  }

  protected override render(): TemplateResult {
    return html`
      <section class="panel" aria-labelledby="heading">
        ${this.cue === undefined ? this.#none() : this.#draft(this.cue)}
        ${this.complaint === undefined ? nothing : html`<p class="complaint" role="alert">${this.complaint}</p>`}
      </section>`;
  }

  #none(): TemplateResult {
    return html`
      <div class="row">
        <div class="words">
          <h2 id="heading" class="label">Next</h2>
          <p class="title">No draft prepared</p>
          <p class="muted what">Prepare a question in the rundown, then take it when the host says it.</p>
        </div>
      </div>`;
  }

  #draft(cue: Cue): TemplateResult {
    const busy = this.pending === "take";
    return html`
      <div class="row">
        <div class="words">
          <h2 id="heading" class="label">Next</h2>
          <p class="title" data-testid="next-title">${cue.text?.title ?? "…"}</p>
          <p class="muted what" id="what">${this.blocked || this.#whatWillHappen(cue)}</p>
        </div>
        <button class="take" data-testid="take" aria-describedby="what" aria-keyshortcuts="T" aria-busy=${busy}
          ?disabled=${this.blocked !== "" || this.pending !== undefined} @click=${() => this.take()}>
          ${busy ? "Taking…" : "Take"} <kbd aria-hidden="true">T</kbd>
        </button>
      </div>`;
  }

  #whatWillHappen(cue: Cue): string {
    const { latencyMs } = this;
    const lead = latencyMs === undefined ? "shortly" : `in ${(latencyMs / 1000).toFixed(1)}\u00a0s`;
    const open = `answers count for ${windowLength(cue.window_ms)}`;
    return this.live
      ? `Opens ${lead} on every screen, on the frame the host is at now; ${open}.`
      : `Off the air: opens ${latencyMs === undefined ? lead : `in about ${seconds(latencyMs / 1000)}`} on every screen without a picture; ${open}.`;
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "cl-next": ClNext;
  }
}
