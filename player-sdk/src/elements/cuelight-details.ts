import { css, html, LitElement, type TemplateResult } from "lit";
import type { Detail } from "./details-view.ts";
import { theme } from "./theme.ts";

/** The figures behind the status, as a list. */
export class CuelightDetails extends LitElement {
  static override readonly properties = { details: { attribute: false } };
  static override readonly styles = [
    theme,
    css`
      :host {
        display: block;
        padding: 12px 16px;
        border: 1px solid var(--_line);
        border-radius: var(--_radius);
        background: var(--_surface);
        font-size: 0.875rem;
        line-height: 1.6;
      }

      :host([hidden]) {
        display: none;
      }

      dl {
        display: grid;
        grid-template-columns: auto 1fr;
        gap: 0 20px;
        margin: 0;
      }

      dt {
        color: var(--_muted);
      }

      dd {
        margin: 0;
        text-align: end;
        font-variant-numeric: tabular-nums;
        overflow-wrap: anywhere;
      }
    `,
  ];

  /** What to list. */
  declare details: readonly Detail[] | undefined;

  protected override render(): TemplateResult {
    return html`<dl data-testid="details">
      ${(this.details ?? []).map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`)}
    </dl>`;
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "cuelight-details": CuelightDetails;
  }
}
