import type { Cue } from "@cuelight/player/core";
import { css, html, LitElement, nothing, type TemplateResult } from "lit";
import type { Action } from "../api.ts";
import { ActionRequest } from "../requests.ts";
import { type Allowed, allowed, isRunning } from "../rundown.ts";
import type { Command } from "../store.ts";
import { base, buttons } from "../theme.ts";
import { Ticker } from "../ticker.ts";
import type { ClConfirm } from "./cl-confirm.ts";
import type { RoomNow } from "./cl-countdown.ts";

/** How much one press of Extend adds, in ms. */
export const EXTEND_MS = 10_000;

interface ActionButton {
  readonly action: Action;
  readonly word: string;
  readonly busy: string;
  readonly key: string;
  readonly hint: string;
  readonly on: boolean;
  readonly look: string;
}

/**
 * What can be done to the cue on air. A button is off when the server would
 * refuse; what the server refused all the same is said beside the buttons.
 *
 * @fires cl-action-request - The producer wants something done.
 */
export class ClCueActions extends LitElement {
  static override readonly properties = {
    cue: { attribute: false },
    now: { attribute: false },
    pending: { attribute: false },
    complaint: { attribute: false },
  };
  static override readonly styles = [
    base,
    buttons,
    css`
      .row { display: flex; flex-wrap: wrap; gap: 8px; }
      .withdraw { margin-left: auto; }
      .complaint {
        margin-top: 10px; padding: 8px 12px; border-radius: var(--cl-radius-small);
        background: var(--cl-live-soft); color: var(--cl-live); font-weight: 550;
      }
      @media (max-width: 480px) {
        .row { display: grid; grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); }
        kbd { display: none; } /* no keyboard, and no room for a hint of one */
        .withdraw { margin-left: 0; }
      }
    `,
  ];

  declare cue: Cue | undefined;
  declare now: RoomNow | undefined;
  declare pending: Command | undefined;
  declare complaint: string | undefined;

  constructor() {
    super();
    new Ticker(this, 200, () => this.cue !== undefined && isRunning(this.cue));
  }

  /** Does what the button of `action` does, if it is on. For hotkeys. */
  press(action: Action): void {
    const { cue } = this;
    if (cue === undefined || this.pending !== undefined) return;
    const button = this.#buttons(allowed(cue, this.now?.())).find((each) => each.action === action);
    if (button?.on === true) this.#request(cue.id, action);
  }

  protected override render(): TemplateResult | typeof nothing {
    const { cue } = this;
    if (cue === undefined) return nothing;
    const can = allowed(cue, this.now?.());
    return html`
      <div class="row" role="group" aria-label="Cue on air">
        ${this.#buttons(can).map((button) => this.#button(cue, button))}
        ${can.withdraw === undefined ? nothing : this.#withdraw(cue, can.withdraw)}
      </div>
      ${this.complaint === undefined ? nothing : html`<p class="complaint" role="alert">${this.complaint}</p>`}
      <cl-confirm></cl-confirm>`;
  }

  #buttons(can: Allowed): ActionButton[] {
    return [
      {
        action: "extend",
        word: `Extend +${EXTEND_MS / 1000} s`,
        busy: "Extending…",
        key: "E",
        hint: "The window closes ten seconds later for everybody",
        on: can.extend,
        look: "",
      },
      {
        action: "close",
        word: "Close now",
        busy: "Closing…",
        key: "C",
        hint: "The window closes for everybody in half a second",
        on: can.close,
        look: "",
      },
      {
        action: "reveal",
        word: "Reveal",
        busy: "Revealing…",
        key: "R",
        hint: can.reveal
          ? "Shows the result to everybody"
          : "Possible once the window is closed and the count is final",
        on: can.reveal,
        look: can.reveal ? "primary" : "",
      },
    ];
  }

  #button(cue: Cue, b: ActionButton): TemplateResult {
    const busy = this.pending === b.action;
    return html`
      <button class=${b.look} data-testid=${b.action} title=${b.hint} aria-keyshortcuts=${b.key} aria-busy=${busy}
        ?disabled=${!b.on || this.pending !== undefined} @click=${() => this.#request(cue.id, b.action)}>
        ${busy ? b.busy : b.word} <kbd aria-hidden="true">${b.key}</kbd>
      </button>`;
  }

  #withdraw(cue: Cue, how: "cancel" | "void"): TemplateResult {
    const busy = this.pending === "cancel";
    const hint =
      how === "cancel"
        ? "Withdraws the cue before anybody sees it"
        : "Takes the question away and drops its answers";
    return html`
      <button class="danger withdraw" data-testid="cancel" data-kind=${how} title=${hint} aria-busy=${busy}
        ?disabled=${this.pending !== undefined} @click=${() => this.#askWithdraw(cue.id, how)}>
        ${busy ? "Withdrawing…" : how === "cancel" ? "Cancel" : "Void"}
      </button>`;
  }

  async #askWithdraw(id: string, how: "cancel" | "void"): Promise<void> {
    if (how === "void") {
      const dialog = this.renderRoot.querySelector("cl-confirm") as ClConfirm;
      const yes = await dialog.ask({
        title: "Void this cue?",
        text: "The question disappears from every screen and its answers do not count. This cannot be undone.",
        yes: "Void cue",
        no: "Keep it",
      });
      if (!yes) return;
    }
    this.#request(id, "cancel");
  }

  #request(cue: string, action: Action): void {
    this.dispatchEvent(new ActionRequest(cue, action));
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "cl-cue-actions": ClCueActions;
  }
}
