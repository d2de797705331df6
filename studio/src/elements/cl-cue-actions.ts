import type { Cue, OpeningsMessage } from "@cuelight/player/core";
import { css, html, LitElement, nothing, type TemplateResult } from "lit";
import type { Action, ActionBody } from "../api.ts";
import { lightOf } from "../openings-view.ts";
import { ActionRequest, FormRequest } from "../requests.ts";
import { type Allowed, allowed, isRunning, isWaiting } from "../rundown.ts";
import { MIN_LEAD_US } from "../sight.ts";
import type { Command } from "../store.ts";
import { base, buttons, complaints, segments } from "../theme.ts";
import { Ticker } from "../ticker.ts";
import type { ClConfirm } from "./cl-confirm.ts";
import type { RoomNow } from "./cl-countdown.ts";

/** How much one press of Extend adds, in ms. */
export const EXTEND_MS = 10_000;

/** How far the buttons move an opening, in ms. */
const MOVES_MS = [-10_000, -1000, 1000, 10_000] as const;

/** The buttons of the row, by what they are called. */
export type Press = "extend" | "pause" | "close" | "reveal" | "reveal-clear";

interface ActionButton {
  readonly name: Press;
  readonly action: Action;
  readonly body: ActionBody;
  readonly word: string;
  readonly busy: string;
  readonly key: string;
  readonly hint: string;
  readonly on: boolean;
  readonly look: string;
  readonly pressed?: boolean;
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
    openings: { attribute: false },
    now: { attribute: false },
    pending: { attribute: false },
    complaint: { attribute: false },
    keys: { type: Boolean },
  };
  static override readonly styles = [
    base,
    buttons,
    segments,
    complaints,
    css`
      .row { display: flex; flex-wrap: wrap; gap: 8px; }
      .withdraw { margin-left: auto; }
      .timing { display: flex; flex-wrap: wrap; align-items: center; gap: 8px 12px; margin-bottom: 10px; }
      .timing .segments button { min-width: 58px; }
      .light { display: flex; flex-wrap: wrap; align-items: center; gap: 6px 14px; padding: 10px 0; margin-bottom: 10px; border-block: 1px solid var(--cl-line); }
      .light button { margin-left: auto; min-height: 34px; }
      .light p { flex-basis: 100%; font-size: 13px; }
      .armed:disabled { border-color: var(--cl-wait); background: var(--cl-wait-soft); color: var(--cl-wait); opacity: 1; }
      @media (max-width: 480px) {
        .row { display: grid; grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); }
        kbd { display: none; } /* no keyboard, and no room for a hint of one */
        .withdraw { margin-left: 0; }
        .light button { width: 100%; min-height: 44px; }
        .timing .segments { width: 100%; }
        .timing .segments button { flex: 1; min-width: 0; padding: 6px 4px; }
        .timing > button { flex: 1; }
      }
    `,
  ];

  declare cue: Cue | undefined;
  /** How it opened, as far as that is known. */
  declare openings: OpeningsMessage | undefined;
  declare now: RoomNow | undefined;
  declare pending: Command | undefined;
  declare complaint: string | undefined;
  /** Whether the hotkeys act on this cue. */
  declare keys: boolean;

  constructor() {
    super();
    this.keys = true;
    new Ticker(this, 200, () => this.cue !== undefined && isRunning(this.cue));
  }

  /** Does what a button does, if it is on. For hotkeys. */
  press(name: Press): void {
    const { cue } = this;
    if (cue === undefined || this.pending !== undefined) return;
    const can = allowed(cue, this.now?.());
    const button = [...rowButtons(can), clearButton(cue, can)].find((each) => each.name === name);
    if (button?.on === true) this.#request(cue.id, button.action, button.body);
  }

  protected override render(): TemplateResult | typeof nothing {
    const { cue } = this;
    if (cue === undefined) return nothing;
    const can = allowed(cue, this.now?.());
    return html`
      ${this.#isLit(cue) ? this.#light(cue, can) : nothing}
      ${isWaiting(cue) && cue.orphaned !== true ? this.#timing(cue, can) : nothing}
      <div class="row" role="group" aria-label="Cue on air">
        ${rowButtons(can).map((button) => this.#button(cue, button))}
        ${can.withdraw === undefined ? nothing : this.#withdraw(cue, can.withdraw)}
      </div>
      ${this.complaint === undefined ? nothing : html`<p class="complaint" role="alert">${this.complaint}</p>`}
      <cl-confirm></cl-confirm>`;
  }

  /** What can still be changed of a cue that nobody has seen. */
  #timing(cue: Cue, can: Allowed): TemplateResult {
    const off = !can.move || this.pending !== undefined;
    const now = this.now?.();
    const soonest = now === undefined ? 0 : now + MIN_LEAD_US;
    return html`
      <div class="timing">
        <span class="muted" role="status">${this.pending === "move" ? "Moving…" : can.move ? "Move the opening" : "Its opening and text are fixed now"}</span>
        <div class="segments" role="group" aria-label="Move the opening">${MOVES_MS.map(
          (ms) => html`
            <button data-testid="move-${ms}" aria-label="Open ${Math.abs(ms) / 1000} s ${ms < 0 ? "earlier" : "later"}"
              ?disabled=${off || (cue.o_us ?? 0) + ms * 1000 < soonest} @click=${() => this.#request(cue.id, "move", { by_ms: ms })}>
              ${ms < 0 ? "\u2212" : "+"}${Math.abs(ms) / 1000}\u00a0s
            </button>`,
        )}</div>
        <button data-testid="edit-taken" ?disabled=${off} @click=${() => this.dispatchEvent(new FormRequest(cue.id))}>Edit text</button>
      </div>`;
  }

  /** Whether there are windows to wait for, or were. */
  #isLit(cue: Cue): boolean {
    return !isWaiting(cue) && !(cue.state === "revealed" && this.openings === undefined);
  }

  /** Whether the windows are closed, and the button that waits for it. */
  #light(cue: Cue, can: Allowed): TemplateResult {
    const waits = cue.reveal_armed === true;
    const light = lightOf(cue, this.openings);
    return html`
      <div class="light">
        <cl-light .light=${light}></cl-light>
        ${(can.revealClear && !(can.reveal && light.colour === "green")) || waits ? this.#button(cue, clearButton(cue, can)) : nothing}
        ${waits ? html`<p class="muted" data-testid="reveal-armed">The result comes when the light is green. Reveal shows it at once, Void drops it.</p>` : nothing}
      </div>`;
  }

  #button(cue: Cue, b: ActionButton): TemplateResult {
    const busy = this.pending === b.action && b.on;
    return html`
      <button class=${b.look} data-testid=${b.name} title=${b.hint} aria-keyshortcuts=${this.keys ? b.key.replace("⇧", "Shift+") : nothing}
        aria-busy=${busy} aria-pressed=${b.pressed ?? nothing}
        ?disabled=${!b.on || this.pending !== undefined} @click=${() => this.#request(cue.id, b.action, b.body)}>
        ${busy ? b.busy : b.word} ${this.keys ? html`<kbd aria-hidden="true">${b.key}</kbd>` : nothing}
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

  #request(cue: string, action: Action, body: ActionBody = {}): void {
    this.dispatchEvent(new ActionRequest(cue, action, body));
  }
}

/** What is done by hand. A button stays in its place, on or off. */
const rowButtons = (can: Allowed): readonly ActionButton[] => [
  {
    name: "extend",
    action: "extend",
    body: { by_ms: EXTEND_MS },
    word: `Extend +${EXTEND_MS / 1000} s`,
    busy: "Extending…",
    key: "E",
    hint: "The window closes ten seconds later for everybody",
    on: can.extend,
    look: "",
  },
  pauseButton(can),
  {
    name: "close",
    action: "close",
    body: {},
    word: "Close now",
    busy: "Closing…",
    key: "C",
    hint: "The window closes for everybody in half a second",
    on: can.close,
    look: "",
  },
  {
    name: "reveal",
    action: "reveal",
    body: {},
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

/** What is done by the light. */
const clearButton = (cue: Cue, can: Allowed): ActionButton => {
  const waits = cue.reveal_armed === true;
  return {
    name: "reveal-clear",
    action: "reveal",
    body: { when: "clear" },
    word: waits ? "Reveals when clear" : "Reveal when clear",
    busy: "Arming…",
    key: "⇧R",
    hint: waits
      ? "The result comes by itself once the light is green"
      : "Shows the result by itself once the light is green",
    on: can.revealClear,
    look: waits ? "armed" : "",
    pressed: waits,
  };
};

/** One button for both, so that it stays where the hand expects it. */
const pauseButton = (can: Allowed): ActionButton => ({
  name: "pause",
  body: {},
  key: "P",
  look: can.resume ? "primary" : "",
  on: can.pause || can.resume,
  ...(can.resume
    ? {
        action: "resume",
        word: "Resume",
        busy: "Resuming…",
        hint: "Answers count again for everybody in half a second, for as long as was left",
      }
    : {
        action: "pause",
        word: "Pause",
        busy: "Pausing…",
        hint: "Answers stop counting for everybody in half a second; what is left of the window is kept",
      }),
});

declare global {
  interface HTMLElementTagNameMap {
    "cl-cue-actions": ClCueActions;
  }
}
