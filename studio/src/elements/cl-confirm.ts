import { css, html, LitElement, type TemplateResult } from "lit";
import { base, buttons } from "../theme.ts";

/** What is asked, and the words on both buttons. */
export interface Confirmation {
  readonly title: string;
  readonly text: string;
  readonly yes: string;
  readonly no: string;
}

/** Asks before something that cannot be undone. The harmless answer has the focus, and Escape gives it. */
export class ClConfirm extends LitElement {
  static override readonly properties = { question: { state: true } };
  static override readonly styles = [
    base,
    buttons,
    css`
      dialog {
        width: min(430px, calc(100vw - 32px)); padding: 22px; border-radius: 14px; color: var(--cl-text);
        background: var(--cl-surface); border: 1px solid var(--cl-line); box-shadow: 0 24px 60px rgb(0 0 0 / 45%);
      }
      dialog::backdrop { background: rgb(4 7 11 / 62%); }
      h2 { font-size: 18px; margin-bottom: 8px; }
      .row { display: flex; justify-content: flex-end; gap: 8px; margin-top: 20px; flex-wrap: wrap; }
      .yes { background: var(--cl-live-fill); border-color: transparent; color: var(--cl-on-live); }
      .yes:hover:not(:disabled) { background: color-mix(in oklab, var(--cl-live-fill) 88%, #fff) !important; }
    `,
  ];

  declare protected question: Confirmation | undefined;
  #answer: ((yes: boolean) => void) | undefined;

  /** Shows the question. Resolves with true for yes; false for no, Escape, or a new question. */
  async ask(question: Confirmation): Promise<boolean> {
    this.#settle(false);
    this.question = question;
    await this.updateComplete;
    this.#dialog().showModal();
    return new Promise((resolve) => {
      this.#answer = resolve;
    });
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#settle(false);
  }

  protected override render(): TemplateResult {
    const q = this.question;
    return html`
      <dialog role="alertdialog" aria-labelledby="title" aria-describedby="text" @close=${() => this.#settle(false)}>
        <h2 id="title">${q?.title}</h2>
        <p id="text" class="muted">${q?.text}</p>
        <div class="row">
          <button autofocus data-testid="confirm-no" @click=${() => this.#settle(false)}>${q?.no}</button>
          <button class="yes" data-testid="confirm-yes" @click=${() => this.#settle(true)}>${q?.yes}</button>
        </div>
      </dialog>`;
  }

  #settle(yes: boolean): void {
    const answer = this.#answer;
    this.#answer = undefined;
    this.#dialog()?.close();
    answer?.(yes);
  }

  #dialog(): HTMLDialogElement {
    return this.renderRoot.querySelector("dialog") as HTMLDialogElement;
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "cl-confirm": ClConfirm;
  }
}
