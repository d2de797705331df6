import type { Cue, OpeningsMessage, Tally } from "@cuelight/player/core";
import { css, html, LitElement, nothing, type TemplateResult } from "lit";
import { countdown } from "../format.ts";
import { warnIcon } from "../icons.ts";
import { ActionRequest } from "../requests.ts";
import { answerTerms, isHalted, isOrphaned, isWaiting, stateName } from "../rundown.ts";
import { timeOfDay } from "../schedule.ts";
import type { Command } from "../store.ts";
import { base, buttons, chips, panel } from "../theme.ts";
import type { RoomNow } from "./cl-countdown.ts";
import type { ClCueActions, Press } from "./cl-cue-actions.ts";

const HOUR_US = 3_600_000_000;

/**
 * The cue on air, large: state, time left, question, answers as they are
 * counted, whether the windows are closed, and what can be done to it.
 *
 * @fires cl-action-request - Decide on a cue whose picture has stopped.
 */
export class ClStage extends LitElement {
  static override readonly properties = {
    cue: { attribute: false },
    tally: { attribute: false },
    openings: { attribute: false },
    keys: { type: Boolean },
    viewers: { attribute: false },
    now: { attribute: false },
    pending: { attribute: false },
    complaint: { attribute: false },
    loaded: { type: Boolean },
  };
  static override readonly styles = [
    base,
    panel,
    buttons,
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
      .terms { margin-top: 8px; font-size: 13px; }
      .terms + .title { margin-top: 6px; }
      cl-results { margin-bottom: 14px; }
      .note { min-width: 0; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
      .note::first-letter { text-transform: uppercase; }
      @media (max-width: 560px) {
        .head { flex-wrap: wrap; gap: 0 10px; }
        .head .label { position: absolute; clip-path: inset(50%); }
        .head .note { order: 1; flex-basis: 100%; white-space: normal; }
      }
      .slot { padding: 1px 8px; border-radius: 4px; background: var(--cl-raised); color: var(--cl-muted); font-size: 12px; font-weight: 600; }
      .held { display: grid; grid-template-columns: auto minmax(0, 1fr) auto; align-items: center; gap: 4px 12px; margin: 12px 0; padding: 12px 14px; border-radius: var(--cl-radius-small); background: var(--cl-wait-soft); border: 1px solid var(--cl-wait); }
      .held svg { color: var(--cl-wait); }
      .held b { display: block; }
      .held .both { display: flex; flex-wrap: wrap; gap: 8px; }
      .still { margin-left: auto; display: flex; align-items: baseline; gap: 8px; justify-content: flex-end; }
      .still b { font-size: clamp(24px, 3.2vw, 34px); font-weight: 700; line-height: 1.1; }
      @media (max-width: 640px) {
        .held { grid-template-columns: auto minmax(0, 1fr); }
        .held .both { grid-column: 1 / -1; }
        .held .both button { flex: 1; }
      }
      .empty { display: grid; place-items: center; text-align: center; gap: 6px; padding: 44px 12px; }
      .empty b { font-size: 18px; }
    `,
  ];

  declare cue: Cue | undefined;
  declare tally: Tally | undefined;
  /** How this cue opened, as far as that is known. */
  declare openings: OpeningsMessage | undefined;
  /** Whether the hotkeys act on this cue. */
  declare keys: boolean;
  declare viewers: number | undefined;
  declare now: RoomNow | undefined;
  declare pending: Command | undefined;
  declare complaint: string | undefined;
  /** Whether the room is known, so that no cue means none. */
  declare loaded: boolean;

  constructor() {
    super();
    this.loaded = false;
    this.keys = true;
  }

  /** Presses a button of the cue on air. For hotkeys. */
  press(name: Press): void {
    this.renderRoot.querySelector<ClCueActions>("cl-cue-actions")?.press(name);
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
        ${cue.slot ? html`<span class="slot" title="Place on screen">${cue.slot}</span>` : nothing}
        ${cue.note ? html`<span class="muted note">${cue.note}</span>` : nothing}
        ${this.#countdown(cue)}
      </div>
      <cl-window-bar aria-hidden="true" .cue=${cue} .now=${this.now}></cl-window-bar>
      ${isOrphaned(cue) ? this.#held(cue) : nothing}
      ${this.#terms(cue)}
      <h3 class="title">${cue.text?.title ?? "…"}</h3>
      <cl-results .cue=${cue} .tally=${this.tally} .viewers=${this.viewers}></cl-results>
      <cl-cue-actions .cue=${cue} .openings=${this.openings} .keys=${this.keys} .now=${this.now} .pending=${this.pending} .complaint=${this.complaint}></cl-cue-actions>`;
  }

  /** How answers are taken, where that is not as usual. */
  #terms(cue: Cue): TemplateResult | typeof nothing {
    const terms = answerTerms(cue);
    return terms === "" ? nothing : html`<p class="terms muted" data-testid="terms">${terms}</p>`;
  }

  /** The picture stopped before anybody was told: nothing happens until the producer says what. */
  #held(cue: Cue): TemplateResult {
    const busy = this.pending !== undefined;
    const act = (action: "take" | "cancel"): void => {
      this.dispatchEvent(new ActionRequest(cue.id, action, action === "take" ? { anyway: true } : {}));
    };
    return html`
      <div class="held" role="alert" data-testid="orphaned">
        ${warnIcon}
        <p><b>The picture has stopped. This cue is held.</b>
          Viewers hear nothing of it until you decide. Without a decision it is cancelled.</p>
        <div class="both">
          <button class="primary" data-testid="open-anyway" aria-busy=${this.pending === "take"} ?disabled=${busy} @click=${() => act("take")}>${this.pending === "take" ? "Opening…" : "Open anyway"}</button>
          <button data-testid="cancel-orphaned" aria-busy=${this.pending === "cancel"} ?disabled=${busy} @click=${() => act("cancel")}>${this.pending === "cancel" ? "Cancelling…" : "Cancel the cue"}</button>
        </div>
      </div>`;
  }

  #countdown(cue: Cue): TemplateResult | typeof nothing {
    if (isOrphaned(cue)) return nothing;
    if (cue.state === "paused" && isHalted(cue)) {
      return html`<div class="still" data-testid="remaining"><b class="number">${countdown(cue.remaining_ms ?? 0)}</b><span class="muted">left</span></div>`;
    }
    if (cue.state === "paused") {
      return html`<cl-countdown data-testid="countdown" label="counts again in" .until=${cue.resume_us ?? 0} .now=${this.now}></cl-countdown>`;
    }
    if (isWaiting(cue) && (cue.o_us ?? 0) - (this.now?.() ?? 0) > HOUR_US) {
      return html`<div class="still"><span class="muted">opens at</span><b class="number">${timeOfDay(cue.o_us ?? 0)}</b></div>`;
    }
    if (isWaiting(cue)) {
      return html`<cl-countdown data-testid="countdown" label="opens in" .until=${cue.o_us ?? 0} .now=${this.now}></cl-countdown>`;
    }
    if (cue.state !== "open") return nothing;
    if (isHalted(cue)) {
      return html`<cl-countdown data-testid="countdown" label="pauses in" .until=${cue.pause_us ?? 0} .now=${this.now}></cl-countdown>`;
    }
    return html`<cl-countdown data-testid="countdown" label="closes in" .until=${cue.c_us ?? 0} .now=${this.now}></cl-countdown>`;
  }
}

function toneOf(cue: Cue | undefined): string {
  if (cue?.state === "open") return "go";
  return cue !== undefined && (isWaiting(cue) || cue.state === "paused") ? "wait" : "calm";
}

declare global {
  interface HTMLElementTagNameMap {
    "cl-stage": ClStage;
  }
}
