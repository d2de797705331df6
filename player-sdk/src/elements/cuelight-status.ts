import { css, html, LitElement, type TemplateResult } from "lit";
import type { StatusView } from "./status-view.ts";
import { theme } from "./theme.ts";

/**
 * A lamp and a line: how the player stands.
 *
 * @csspart lamp - The dot.
 */
export class CuelightStatus extends LitElement {
  static override readonly properties = { view: { attribute: false } };
  static override readonly styles = [
    theme,
    css`
      :host {
        display: inline-flex;
        align-items: center;
        gap: 10px;
        min-width: 0;
        font-size: 0.95rem;
        font-variant-numeric: tabular-nums;
      }

      .lamp {
        flex: none;
        width: 10px;
        height: 10px;
        border-radius: 50%;
        background: var(--_wait);
      }

      .good {
        background: var(--_good);
      }

      .bad {
        background: var(--_bad);
      }

      .busy {
        animation: breathe 1.2s ease-in-out infinite alternate;
      }

      .text {
        overflow: hidden;
        text-overflow: ellipsis;
        white-space: nowrap;
      }

      @keyframes breathe {
        from {
          opacity: 0.35;
        }
      }
    `,
  ];

  /** What to say; undefined for nothing. */
  declare view: StatusView | undefined;

  protected override render(): TemplateResult {
    const { tone = "wait", text = "", busy = false, via = "" } = this.view ?? {};
    const title = via === "" ? text : `${text} (${via})`;
    return html`
      <span part="lamp" class="lamp ${tone} ${busy ? "busy" : ""}" aria-hidden="true"></span>
      <span class="text" data-testid="status" data-tone=${tone} data-via=${via} title=${title}>${text}</span>`;
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "cuelight-status": CuelightStatus;
  }
}
