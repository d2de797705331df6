import { css, html, LitElement, type TemplateResult } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { crossIcon } from "../icons.ts";
import { DismissRequest } from "../requests.ts";
import type { Notice } from "../store.ts";
import { base, buttons } from "../theme.ts";

/**
 * What became of the producer's actions: on screen for some seconds, and said
 * by screen readers.
 *
 * @fires cl-dismiss-request - Take a notice away.
 */
export class ClNotices extends LitElement {
  static override readonly properties = { notices: { attribute: false } };
  static override readonly styles = [
    base,
    buttons,
    css`
      :host { position: fixed; left: 16px; bottom: 16px; z-index: 10; width: min(340px, calc(100vw - 32px)); pointer-events: none; }
      .list { display: grid; gap: 8px; }
      .notice {
        pointer-events: auto; display: flex; align-items: center; gap: 10px; padding: 8px 6px 8px 14px; border-radius: var(--cl-radius);
        background: var(--cl-raised); border: 1px solid var(--cl-line-strong); box-shadow: 0 10px 30px rgb(0 0 0 / 30%);
        border-left: 4px solid var(--cl-go);
      }
      .notice.bad { border-left-color: var(--cl-live); }
      .notice span { flex: 1; }
      @media (max-width: 560px) {
        .notice:not(:last-child) { display: none; }
      }
    `,
  ];

  declare notices: readonly Notice[];

  constructor() {
    super();
    this.notices = [];
  }

  protected override render(): TemplateResult {
    return html`
      <div class="list" role="status" aria-live="polite" data-testid="notices">
        ${repeat(
          this.notices,
          (notice) => notice.id,
          (notice) => html`
            <div class="notice ${notice.tone}">
              <span>${notice.text}</span>
              <button class="quiet icon" aria-label="Dismiss" @click=${() => this.dispatchEvent(new DismissRequest(notice.id))}>${crossIcon}</button>
            </div>`,
        )}
      </div>`;
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "cl-notices": ClNotices;
  }
}
