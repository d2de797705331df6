import type { Cue, Tally } from "@cuelight/player/core";
import { css, html, LitElement, nothing, type TemplateResult } from "lit";
import type { Action } from "../api.ts";
import { isWaiting, stateName } from "../rundown.ts";
import type { Command } from "../store.ts";
import { base, chips, panel } from "../theme.ts";
import type { RoomNow } from "./cl-countdown.ts";
import type { ClCueActions } from "./cl-cue-actions.ts";

/**
 * The cue on air, large: state, time left, question, answers as they are
 * counted, and what can be done to it.
 */
export class ClStage extends LitElement {
  static override readonly properties = {
    cue: { attribute: false },
    tally: { attribute: false },
    viewers: { attribute: false },
    now: { attribute: false },
    pending: { attribute: false },
    complaint: { attribute: false },
    loaded: { type: Boolean },
  };
  static override readonly styles = [
    base,
    panel,
    chips,
    css`
      .panel { padding: 10px 18px 16px; }
      .panel[data-tone="go"] { border-color: color-mix(in oklab, var(--cl-go) 65%, var(--cl-line)); }
      .panel[data-tone="wait"] { border-color: color-mix(in oklab, var(--cl-wait) 65%, var(--cl-line)); }
      .head { display: flex; align-items: center; gap: 10px; min-height: 40px; }
      .head cl-countdown { margin-left: auto; }
      .chip { height: 26px; font-size: 13px; border-radius: 13px; padding-inline: 10px 12px; }
      .title {
        font-size: clamp(19px, 1.5vw, 28px); line-height: 1.25; font-weight: 700; letter-spacing: -0.012em;
        margin: 12px 0 10px; overflow-wrap: anywhere; text-wrap: pretty;
      }
      cl-window-bar { margin-top: 6px; }
      cl-results { margin-bottom: 14px; }
      .note { min-width: 0; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
      .note::first-letter { text-transform: uppercase; }
      @media (max-width: 560px) {
        .head { flex-wrap: wrap; gap: 0 10px; }
        .head .label { position: absolute; clip-path: inset(50%); }
        .head .note { order: 1; flex-basis: 100%; white-space: normal; }
      }
      .empty { display: grid; place-items: center; text-align: center; gap: 6px; padding: 44px 12px; }
      .empty b { font-size: 18px; }
    `,
  ];

  declare cue: Cue | undefined;
  declare tally: Tally | undefined;
  declare viewers: number | undefined;
  declare now: RoomNow | undefined;
  declare pending: Command | undefined;
  declare complaint: string | undefined;
  /** Whether the room is known, so that no cue means none. */
  declare loaded: boolean;

  constructor() {
    super();
    this.loaded = false;
  }

  /** Presses a button of the cue on air. For hotkeys. */
  press(action: Action): void {
    this.renderRoot.querySelector<ClCueActions>("cl-cue-actions")?.press(action);
  }

  protected override render(): TemplateResult {
    const { cue } = this;
    return html`
      <section class="panel" aria-labelledby="heading" data-testid="active-cue" data-cue=${cue?.id ?? ""}
        data-tone=${toneOf(cue)}>
        ${cue === undefined ? this.#empty() : this.#cue(cue)}
      </section>`;
  }

  #empty(): TemplateResult {
    return html`
      <h2 id="heading" class="label">On air</h2>
      <div class="empty">
        <b>${this.loaded ? "Nothing on air" : "Waiting for the room…"}</b>
        <p class="muted">${this.loaded ? "Choose a draft and press Take: it opens on every screen together." : ""}</p>
      </div>`;
  }

  #cue(cue: Cue): TemplateResult {
    return html`
      <div class="head">
        <h2 id="heading" class="label">On air</h2>
        <span class="chip" data-testid="active-state" data-state=${cue.state} role="status">${stateName[cue.state]}</span>
        <span class="muted">${cue.kind === "trivia" ? "Trivia" : "Poll"}</span>
        ${cue.note ? html`<span class="muted note">${cue.note}</span>` : nothing}
        ${this.#countdown(cue)}
      </div>
      <cl-window-bar aria-hidden="true" .cue=${cue} .now=${this.now}></cl-window-bar>
      <h3 class="title">${cue.text?.title ?? "…"}</h3>
      <cl-results .cue=${cue} .tally=${this.tally} .viewers=${this.viewers}></cl-results>
      <cl-cue-actions .cue=${cue} .now=${this.now} .pending=${this.pending} .complaint=${this.complaint}></cl-cue-actions>`;
  }

  #countdown(cue: Cue): TemplateResult | typeof nothing {
    if (isWaiting(cue)) {
      return html`<cl-countdown data-testid="countdown" label="opens in" .until=${cue.o_us ?? 0} .now=${this.now}></cl-countdown>`;
    }
    if (cue.state !== "open") return nothing;
    return html`<cl-countdown data-testid="countdown" label="closes in" .until=${cue.c_us ?? 0} .now=${this.now}></cl-countdown>`;
  }
}

function toneOf(cue: Cue | undefined): string {
  if (cue?.state === "open") return "go";
  return cue !== undefined && isWaiting(cue) ? "wait" : "calm";
}

declare global {
  interface HTMLElementTagNameMap {
    "cl-stage": ClStage;
  }
}
