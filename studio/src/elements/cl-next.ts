import type { Cue } from "@cuelight/player/core";
import { css, html, LitElement, nothing, type TemplateResult } from "lit";
import type { ActionBody } from "../api.ts";
import { seconds, windowLength } from "../format.ts";
import { Keepsake } from "../keepsake.ts";
import { ActionRequest } from "../requests.ts";
import { slotOf } from "../rundown.ts";
import { type Sight, type TakeAt, type TakePlan, takePlan } from "../sight.ts";
import type { Command } from "../store.ts";
import { base, buttons, chips, complaints, panel, segments } from "../theme.ts";
import { Ticker } from "../ticker.ts";

const choice = new Keepsake("cuelight.studio.take-at");

/**
 * The draft that is next, and the one large button that takes it: on the picture
 * in the preview, at the live edge, or at a time.
 *
 * @fires cl-action-request - Take the draft.
 */
export class ClNext extends LitElement {
  static override readonly properties = {
    cue: { attribute: false },
    sight: { attribute: false },
    live: { type: Boolean },
    blocked: { type: String },
    pending: { attribute: false },
    complaint: { attribute: false },
    want: { state: true },
  };
  static override readonly styles = [
    base,
    panel,
    buttons,
    chips,
    segments,
    complaints,
    css`
      .row { display: flex; align-items: center; gap: 18px; }
      .words { flex: 1; min-width: 0; }
      .title {
        font-size: 16px; font-weight: 650; overflow-wrap: anywhere; margin: 3px 0 2px;
        display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 2; overflow: hidden;
      }
      .what { font-size: 13px; text-wrap: pretty; }
      .take {
        min-width: 148px; min-height: 64px; font-size: 20px; font-weight: 750; letter-spacing: 0.06em; text-transform: uppercase;
        background: var(--cl-live-fill); color: var(--cl-on-live); border-color: transparent; border-radius: var(--cl-radius);
      }
      .take:hover:not(:disabled) { background: color-mix(in oklab, var(--cl-live-fill) 88%, #fff); border-color: transparent; }
      .take:disabled { background: var(--cl-raised); color: var(--cl-muted); border-color: var(--cl-line); }
      .take[aria-busy="true"] { background: var(--cl-wait-soft); color: var(--cl-wait); }
      .where { display: flex; flex-wrap: wrap; align-items: center; gap: 8px 12px; margin-top: 12px; padding-top: 12px; border-top: 1px solid var(--cl-line); }
      .at { font-size: 13px; }
      .why { color: var(--cl-wait); font-weight: 550; }
      cl-schedule { margin-left: auto; }
      @media (max-width: 560px) {
        .row { flex-direction: column; align-items: stretch; gap: 12px; }
        .at { display: none; }
        .segments, cl-schedule { width: 100%; margin: 0; }
        .segments button { flex: 1; }
      }
    `,
  ];

  /** The draft; undefined if there is none. */
  declare cue: Cue | undefined;
  /** Tells what the producer is looking at, at the moment. */
  declare sight: (() => Sight) | undefined;
  declare live: boolean;
  /** Why nothing can be taken now; empty if it can. */
  declare blocked: string;
  declare pending: Command | undefined;
  declare complaint: string | undefined;
  declare protected want: TakeAt;

  constructor() {
    super();
    this.live = false;
    this.blocked = "";
    this.want = choice.read() === "edge" ? "edge" : "seen";
    new Ticker(this, 250, () => this.cue !== undefined && this.live && this.want === "seen");
  }

  /**
   * Takes the draft, if there is one and it can be taken. For the button and its hotkeys.
   *
   * @param want - Where. Default: where the switch stands.
   */
  take(want: TakeAt = this.want): void {
    const { atUs } = this.#plan(want);
    this.#request(atUs === undefined ? {} : { at_us: atUs });
  }

  #request(body: ActionBody): void {
    if (this.cue === undefined || this.blocked !== "" || this.pending !== undefined) return;
    this.dispatchEvent(new ActionRequest(this.cue.id, "take", body));
  }

  protected override render(): TemplateResult {
    return html`
      <section class="panel" aria-labelledby="heading">
        ${this.cue === undefined ? this.#none() : this.#draft(this.cue)}
        ${this.complaint === undefined ? nothing : html`<p class="complaint" role="alert" data-testid="take-complaint">${this.complaint}</p>`}
      </section>`;
  }

  #none(): TemplateResult {
    return html`
      <div class="row">
        <div class="words">
          <h2 id="heading" class="label">Next</h2>
          <p class="title">No draft prepared</p>
          <p class="muted what">Prepare a question in the rundown, then take it when the host says it.</p>
        </div>
      </div>`;
  }

  #draft(cue: Cue): TemplateResult {
    const busy = this.pending === "take";
    const plan = this.#plan(this.want);
    return html`
      <div class="row">
        <div class="words">
          <h2 id="heading" class="label">Next${cue.slot ? ` · ${slotOf(cue)}` : nothing}</h2>
          <p class="title" data-testid="next-title">${cue.text?.title ?? "…"}</p>
          <p class="what ${plan.why === "" || this.blocked ? "muted" : "why"}" id="what" data-testid="take-plan" data-at=${plan.at}>${this.blocked || this.#whatWillHappen(cue, plan)}</p>
        </div>
        <button class="take" data-testid="take" aria-describedby="what" aria-keyshortcuts="T" aria-busy=${busy}
          ?disabled=${this.blocked !== "" || this.pending !== undefined} @click=${() => this.take()}>
          ${busy ? "Taking…" : "Take"} <kbd aria-hidden="true">T</kbd>
        </button>
      </div>
      <div class="where">
        <span class="muted at" aria-hidden="true" ?hidden=${!this.live}>Take at</span>
        <div class="segments" role="group" aria-label="Take at" ?hidden=${!this.live}>
          ${this.#segment("seen", "Picture I see", "The cue lands on the picture in the preview, although the press comes later")}
          ${this.#segment("edge", "Live edge", "The cue lands on the newest picture there is. Shift+T does so, however this stands")}
        </div>
        <cl-schedule .now=${() => this.sight?.().nowUs} .off=${this.blocked !== "" || this.pending !== undefined}
          .ask=${(openUs: number) => this.#request({ open_us: openUs })}></cl-schedule>
      </div>`;
  }

  #segment(at: TakeAt, word: string, hint: string): TemplateResult {
    return html`<button data-testid="take-at-${at}" title=${hint} aria-pressed=${this.want === at} @click=${() => this.#choose(at)}>${word}</button>`;
  }

  #choose(at: TakeAt): void {
    this.want = at;
    choice.write(at);
  }

  #plan(want: TakeAt): TakePlan {
    const none: Sight = { shownUs: undefined, nowUs: undefined, latencyMs: undefined, live: this.live };
    return takePlan(want, this.sight?.() ?? none);
  }

  #whatWillHappen(cue: Cue, plan: TakePlan): string {
    const { opensInMs } = plan;
    const lead = opensInMs === undefined ? "shortly" : `in ${(opensInMs / 1000).toFixed(1)}\u00a0s`;
    const answers =
      cue.policy === "archive" ? "nobody answers" : `answers count for ${windowLength(cue.window_ms)}`;
    if (!this.live) {
      const about = opensInMs === undefined ? lead : `in about ${seconds(opensInMs / 1000)}`;
      return `Off the air: opens ${about} on every screen without a picture; ${answers}.`;
    }
    if (plan.why !== "") return plan.why;
    const frame = plan.at === "seen" ? "on the picture you see now" : "on the newest picture";
    return `Opens ${lead} on every screen, ${frame}; ${answers}.`;
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "cl-next": ClNext;
  }
}
