import { css, html, LitElement, nothing, type TemplateResult } from "lit";
import { base } from "../theme.ts";

/** How long nothing is said: what takes no longer needs no words. */
const CALM_MS = 1000;

/** Says what is being waited for, once that takes longer than a second. */
export class ClWait extends LitElement {
  static override readonly properties = { words: { type: String }, slow: { state: true } };
  static override readonly styles = [
    base,
    css`
      p { display: flex; align-items: center; justify-content: center; gap: 10px; min-height: 72px; color: var(--cl-muted); }
      i { width: 16px; height: 16px; border-radius: 50%; border: 2px solid var(--cl-line-strong); border-top-color: var(--cl-accent); animation: turn 0.9s linear infinite; }
      @keyframes turn { to { transform: rotate(1turn); } }
    `,
  ];

  declare words: string;
  declare protected slow: boolean;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    super();
    this.words = "";
    this.slow = false;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.#timer = setTimeout(() => {
      this.slow = true;
    }, CALM_MS);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearTimeout(this.#timer);
    this.slow = false;
  }

  protected override render(): TemplateResult {
    return html`<p role="status">${this.slow ? html`<i aria-hidden="true"></i>${this.words}` : nothing}</p>`;
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "cl-wait": ClWait;
  }
}
