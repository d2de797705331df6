import type { RosterViewer } from "@cuelight/player/core";
import { css, html, LitElement, nothing, type TemplateResult } from "lit";
import { PEOPLE } from "../people.ts";
import { BAN_LENGTHS, gradeName } from "../people-view.ts";
import type { BanTerms } from "../requests.ts";
import { base, buttons, fields, segments } from "../theme.ts";

/** Asks for how long somebody is banned and why, before it happens. The harmless answer has the focus, and Escape gives it. */
export class ClBan extends LitElement {
  static override readonly properties = {
    viewer: { state: true },
    forS: { state: true },
  };
  static override readonly styles = [
    base,
    buttons,
    fields,
    segments,
    css`
      dialog {
        width: min(460px, calc(100vw - 32px)); padding: 22px; border-radius: 14px; color: var(--cl-text);
        background: var(--cl-surface); border: 1px solid var(--cl-line); box-shadow: 0 24px 60px rgb(0 0 0 / 45%);
      }
      dialog::backdrop { background: rgb(4 7 11 / 62%); }
      h2 { font-size: 18px; margin-bottom: 8px; }
      legend, label { font-weight: 600; padding: 0; }
      fieldset, .reason { margin-top: 16px; }
      .segments { margin-top: 6px; flex-wrap: wrap; }
      .reason input { margin-top: 6px; }
      @media (max-width: 420px) { .segments button { padding-inline: 9px; } }
      .row { display: flex; justify-content: flex-end; gap: 8px; margin-top: 20px; flex-wrap: wrap; }
      .yes { background: var(--cl-live-fill); border-color: transparent; color: var(--cl-on-live); }
      .yes:hover:not(:disabled) { background: color-mix(in oklab, var(--cl-live-fill) 88%, #fff) !important; }
      .name { overflow-wrap: anywhere; }
    `,
  ];

  declare protected viewer: RosterViewer | undefined;
  declare protected forS: number;
  #answer: ((terms: BanTerms | undefined) => void) | undefined;

  constructor() {
    super();
    this.forS = BAN_LENGTHS[1][0];
  }

  /** Shows the question. Resolves with the terms; undefined for no, Escape, or a new question. */
  async ask(viewer: RosterViewer): Promise<BanTerms | undefined> {
    this.#settle(undefined);
    this.viewer = viewer;
    this.forS = BAN_LENGTHS[1][0];
    await this.updateComplete;
    this.#reason().value = "";
    this.#dialog().showModal();
    return new Promise((resolve) => {
      this.#answer = resolve;
    });
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#settle(undefined);
  }

  protected override render(): TemplateResult {
    const { viewer } = this;
    return html`
      <dialog aria-labelledby="title" aria-describedby="text" @close=${() => this.#settle(undefined)}>
        <form @submit=${this.#submit}>
          <h2 id="title">Ban this viewer?</h2>
          <p id="text" class="muted"><span class="name">${viewer?.participant}</span> is disconnected, told so, and not let in again. Answers that were counted stay.${
            viewer?.grade === "device"
              ? html` ${gradeName(viewer.grade)} viewers can come back as somebody new.`
              : nothing
          }</p>
          <fieldset>
            <legend>For how long</legend>
            <div class="segments">${BAN_LENGTHS.map(
              ([s, words]) =>
                html`<button type="button" data-testid="ban-for-${s}" aria-pressed=${this.forS === s} @click=${() => this.#choose(s)}>${words}</button>`,
            )}</div>
          </fieldset>
          <div class="reason">
            <label for="reason">Why <span class="muted">for your list, viewers do not see it</span></label>
            <input type="text" id="reason" data-testid="ban-reason" maxlength=${PEOPLE.maxReason} autocomplete="off" />
          </div>
          <div class="row">
            <button type="button" autofocus data-testid="ban-no" @click=${() => this.#settle(undefined)}>Leave it</button>
            <button class="yes" data-testid="ban-yes">Ban</button>
          </div>
        </form>
      </dialog>`;
  }

  #choose(seconds: number): void {
    this.forS = seconds;
  }

  readonly #submit = (event: Event): void => {
    event.preventDefault();
    this.#settle({ forS: this.forS, reason: this.#reason().value.trim() });
  };

  #settle(terms: BanTerms | undefined): void {
    const answer = this.#answer;
    this.#answer = undefined;
    this.#dialog()?.close();
    answer?.(terms);
  }

  #reason(): HTMLInputElement {
    return this.renderRoot.querySelector("#reason") as HTMLInputElement;
  }

  #dialog(): HTMLDialogElement {
    return this.renderRoot.querySelector("dialog") as HTMLDialogElement;
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "cl-ban": ClBan;
  }
}
