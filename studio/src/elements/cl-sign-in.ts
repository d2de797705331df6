import { css, html, LitElement, nothing, type TemplateResult } from "lit";
import { mark } from "../icons.ts";
import { SignInRequest } from "../requests.ts";
import { pastedToken } from "../sign-in-link.ts";
import { base, buttons, fields } from "../theme.ts";

/**
 * The page before the console: asks for a producer's token.
 *
 * @fires cl-sign-in-request - Sign in with the token that was pasted.
 */
export class ClSignIn extends LitElement {
  static override readonly properties = {
    message: { type: String },
    busy: { type: Boolean },
    empty: { state: true },
  };
  static override readonly styles = [
    base,
    buttons,
    fields,
    css`
      main { min-height: 100dvh; display: grid; place-items: center; padding: 20px 16px; }
      .card {
        width: min(420px, 100%); padding: 34px 32px 30px; border-radius: 16px; background: var(--cl-surface);
        border: 1px solid var(--cl-line); box-shadow: 0 20px 60px rgb(0 0 0 / 16%);
      }
      .brand { display: flex; align-items: center; gap: 10px; font-size: 15px; font-weight: 650; margin-bottom: 22px; }
      .brand span { color: var(--cl-muted); font-weight: 500; }
      h1 { font-size: 24px; letter-spacing: -0.015em; line-height: 1.2; margin-bottom: 8px; }
      form { display: grid; gap: 6px; margin-top: 22px; }
      label { font-weight: 600; }
      input { font-size: 16px !important; min-height: 46px !important; }
      button { min-height: 46px; margin-top: 12px; font-size: 15px; }
      .message {
        margin-top: 18px; padding: 10px 14px; border-radius: var(--cl-radius-small);
        background: var(--cl-live-soft); color: var(--cl-live); font-weight: 550;
      }
      .foot { margin-top: 18px; font-size: 13px; }
      @media (max-width: 480px) {
        .card { padding: 26px 20px 22px; }
      }
    `,
  ];

  /** Why this page is shown, or what was wrong with the last token. */
  declare message: string;
  declare busy: boolean;
  declare protected empty: boolean;

  constructor() {
    super();
    this.message = "";
    this.busy = false;
    this.empty = false;
  }

  protected override firstUpdated(): void {
    this.#input().focus();
  }

  protected override render(): TemplateResult {
    return html`
      <main>
        <div class="card">
          <p class="brand">${mark(28)} Cuelight <span>Studio</span></p>
          <h1>Sign in</h1>
          <p class="muted">Open the sign-in link that the server printed, or paste it here.</p>
          ${this.message === "" ? nothing : html`<p class="message" role="alert" data-testid="signin-message">${this.message}</p>`}
          <form novalidate @submit=${this.#submit}>
            <label for="token">Link or token</label>
            <input id="token" type="password" data-testid="signin-token" autocomplete="off" autocapitalize="none" spellcheck="false"
              aria-invalid=${this.empty} aria-describedby="token-problem" @input=${() => this.#typed()} />
            <p class="problem" id="token-problem" ?hidden=${!this.empty}>Paste a link or a token first.</p>
            <button class="primary" data-testid="signin-submit" aria-busy=${this.busy} ?disabled=${this.busy}>
              ${this.busy ? "Signing in…" : "Sign in"}
            </button>
          </form>
          <p class="muted foot">A token is a key to the channel: share it only with producers.</p>
        </div>
      </main>`;
  }

  #typed(): void {
    this.empty = false;
  }

  readonly #submit = (event: Event): void => {
    event.preventDefault();
    const token = pastedToken(this.#input().value);
    this.empty = token === "";
    if (this.empty) this.#input().focus();
    else if (!this.busy) this.dispatchEvent(new SignInRequest(token));
  };

  #input(): HTMLInputElement {
    return this.renderRoot.querySelector("input") as HTMLInputElement;
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "cl-sign-in": ClSignIn;
  }
}
