import type { Cue, OpeningsMessage, Tally } from "@cuelight/player/core";
import { css, html, LitElement, nothing, type TemplateResult } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { count, percent, windowLength } from "../format.ts";
import { copyIcon, editIcon, pastIcon, plusIcon, trashIcon } from "../icons.ts";
import { togetherness } from "../openings-view.ts";
import { DeleteRequest, FormRequest, LookRequest, SelectRequest, ShowsRequest } from "../requests.ts";
import { stateName } from "../rundown.ts";
import type { Command } from "../store.ts";
import { base, buttons, chips, panel } from "../theme.ts";
import type { ClConfirm } from "./cl-confirm.ts";

/** How many past cues are shown until all are asked for. */
const PAST_SHOWN = 12;

/**
 * The rundown: the cue on air, the drafts in their order, then what is over,
 * newest first.
 *
 * @fires cl-select-request - A draft shall be next.
 * @fires cl-look-request - Show how a past cue opened.
 * @fires cl-form-request - Prepare, change or repeat a question.
 * @fires cl-delete-request - Delete a draft.
 * @fires cl-shows-request - Look at past shows.
 */
export class ClRundown extends LitElement {
  static override readonly properties = {
    cues: { attribute: false },
    tallies: { attribute: false },
    openings: { attribute: false },
    active: { attribute: false },
    looked: { type: String },
    next: { type: String },
    pending: { attribute: false },
    loaded: { type: Boolean },
    all: { state: true },
  };
  static override readonly styles = [
    base,
    panel,
    buttons,
    chips,
    css`
      :host { display: flex; flex-direction: column; min-height: 0; }
      .panel { display: flex; flex-direction: column; flex: 1; min-height: 0; padding: 12px 8px 8px; }
      .panel-head { padding: 0 8px; flex-wrap: wrap; }
      .heads { display: flex; gap: 8px; }
      .scroll { overflow-y: auto; overflow-x: hidden; padding: 0 8px 4px; scrollbar-width: thin; scrollbar-color: var(--cl-line-strong) transparent; }
      h3 { margin: 10px 8px 4px; font-size: 12px; font-weight: 600; color: var(--cl-muted); }
      li {
        display: grid; grid-template-columns: minmax(0, 1fr) auto auto; align-items: center; gap: 2px 10px;
        border-radius: var(--cl-radius-small); border: 1px solid transparent; padding: 5px 4px 5px 10px; position: relative;
      }
      li + li { margin-top: 2px; }
      li:has(.pick):hover { background: var(--cl-raised); }
      li.active { background: var(--cl-raised); }
      li.next { background: var(--cl-accent-soft); border-color: var(--cl-accent); }
      .pick {
        all: unset; cursor: pointer; min-width: 0; display: block; padding: 3px 0; text-align: left;
      }
      .pick:hover:not(:disabled) { background: none; }
      .pick::after { content: ""; position: absolute; inset: 0; border-radius: inherit; }
      .pick:focus-visible { outline: none; }
      .pick:focus-visible::after { outline: 2px solid var(--cl-accent); outline-offset: 1px; }
      li.looked { border-color: var(--cl-line-strong); }
      .next .chip { --tone: var(--cl-on-accent); --soft: var(--cl-accent); }
      .words { min-width: 0; padding: 3px 0; }
      .title { font-weight: 600; display: block; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
      .gone .title { color: var(--cl-muted); text-decoration: line-through; }
      .facts { font-size: 12.5px; color: var(--cl-muted); display: block; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
      .tools { display: flex; position: relative; z-index: 1; }
      .empty { padding: 26px 12px; text-align: center; }
      .more { margin: 6px auto 2px; display: flex; }
      @media (max-width: 560px) {
        li { grid-template-columns: minmax(0, 1fr) auto; }
        .tools { grid-column: 1 / -1; justify-content: flex-end; }
        li:not([data-state="draft"]) .tools { display: none; }
        .title { white-space: normal; }
        .heads, .heads button { flex: 1; }
        .heads .quiet { border-color: var(--cl-line-strong); }
      }
    `,
  ];

  /** In the order of the rundown. */
  declare cues: readonly Cue[];
  declare tallies: ReadonlyMap<string, Tally>;
  /** How the cues opened that are known of. */
  declare openings: ReadonlyMap<string, OpeningsMessage>;
  /** Ids of the cues on air. */
  declare active: readonly string[];
  /** Id of the cue whose openings are shown because the producer chose it, or empty. */
  declare looked: string;
  /** Id of the draft that is next, or empty. */
  declare next: string;
  declare pending: ReadonlyMap<string, Command>;
  declare loaded: boolean;
  declare protected all: boolean;

  constructor() {
    super();
    this.cues = [];
    this.tallies = new Map();
    this.openings = new Map();
    this.active = [];
    this.looked = "";
    this.next = "";
    this.pending = new Map();
    this.loaded = false;
    this.all = false;
  }

  protected override render(): TemplateResult {
    const drafts = this.cues.filter((cue) => cue.state === "draft");
    const active = this.cues.filter((cue) => this.active.includes(cue.id));
    const past = this.cues.filter((cue) => cue.state !== "draft" && !this.active.includes(cue.id)).reverse();
    return html`
      <section class="panel" aria-labelledby="heading">
        <div class="panel-head">
          <h2 id="heading" class="label">Rundown</h2>
          <div class="heads">
            <button class="quiet" data-testid="past-shows-button" aria-haspopup="dialog" @click=${() => this.dispatchEvent(new ShowsRequest({ to: "list" }))}>
              ${pastIcon} Past shows
            </button>
            <button data-testid="new-cue" class=${drafts.length === 0 && this.loaded ? "primary" : ""} aria-keyshortcuts="N" @click=${() => this.#form()}>
              ${plusIcon} New question <kbd aria-hidden="true">N</kbd>
            </button>
          </div>
        </div>
        <div class="scroll">
          ${this.#list("On air", active)}
          ${drafts.length > 0 ? this.#list("Drafts", drafts) : this.#noDrafts()}
          ${this.#list("Done", this.all ? past : past.slice(0, PAST_SHOWN))}
          ${past.length > PAST_SHOWN && !this.all ? this.#more(past.length) : nothing}
        </div>
        <cl-confirm></cl-confirm>
      </section>`;
  }

  #noDrafts(): TemplateResult {
    return html`<p class="empty muted">${this.loaded ? "No drafts. Prepare the next question here." : "Waiting for the room…"}</p>`;
  }

  #more(length: number): TemplateResult {
    return html`<button class="quiet more" @click=${() => this.#showAll()}>Show all ${length}</button>`;
  }

  #showAll(): void {
    this.all = true;
  }

  #list(title: string, cues: readonly Cue[]): TemplateResult | typeof nothing {
    if (cues.length === 0) return nothing;
    return html`
      <h3>${title}</h3>
      <ul aria-label=${title}>${repeat(
        cues,
        (cue) => cue.id,
        (cue) => this.#row(cue),
      )}</ul>`;
  }

  #row(cue: Cue): TemplateResult {
    const draft = cue.state === "draft";
    const gone = cue.state === "cancelled" || cue.state === "void";
    const next = cue.id === this.next;
    const look = [
      gone ? "gone" : "",
      next ? "next" : "",
      this.active.includes(cue.id) ? "active" : "",
      cue.id === this.looked ? "looked" : "",
    ].join(" ");
    const title = cue.text?.title ?? "…";
    return html`
      <li class=${look} data-testid="cue-row-${cue.id}" data-state=${cue.state}>
        ${
          draft
            ? html`<button class="pick" aria-pressed=${next} @click=${() => this.#select(cue)}>${this.#words(cue, title)}</button>`
            : this.#past(cue, title)
        }
        <span class="chip" data-state=${cue.state}>${next ? "Next" : stateName[cue.state]}</span>
        <span class="tools">${draft ? this.#draftTools(cue, title) : nothing}${this.#copyTool(cue, title)}</span>
      </li>`;
  }

  /** A cue that was taken: how it opened can be looked at, once somebody has told. */
  #past(cue: Cue, title: string): TemplateResult {
    if (!this.openings.has(cue.id)) return html`<div class="words">${this.#words(cue, title)}</div>`;
    const looked = cue.id === this.looked;
    return html`
      <button class="pick" data-testid="look-${cue.id}" aria-pressed=${looked} title="Show how it opened"
        @click=${() => this.dispatchEvent(new LookRequest(looked ? undefined : cue.id))}>${this.#words(cue, title)}</button>`;
  }

  #words(cue: Cue, title: string): TemplateResult {
    return html`<span class="title" title=${title}>${title}</span><span class="facts number">${this.#facts(cue)}</span>`;
  }

  #facts(cue: Cue): string {
    const kind = [cue.kind === "trivia" ? "Trivia" : "Poll", ...(cue.slot ? [cue.slot] : [])];
    const tally = this.tallies.get(cue.id);
    if (cue.state === "draft")
      return [...kind, `${cue.choices} options`, windowLength(cue.window_ms)].join(" · ");
    if (tally !== undefined && tally.total > 0) {
      const best = tally.counts.indexOf(Math.max(...tally.counts));
      kind.push(`${count(tally.total)} ${tally.total === 1 ? "answer" : "answers"}`);
      kind.push(`${cue.text?.options[best] ?? ""} ${percent(tally.counts[best] ?? 0, tally.total)} %`);
    }
    const together = togetherness(this.openings.get(cue.id));
    return [...kind, ...(together === "" ? [] : [together])].join(" · ");
  }

  #draftTools(cue: Cue, title: string): TemplateResult {
    const busy = this.pending.has(cue.id);
    return html`
      <button class="quiet icon" data-testid="edit-${cue.id}" aria-label="Edit “${title}”" title="Edit" ?disabled=${busy}
        @click=${() => this.#form(cue.id)}>${editIcon}</button>
      <button class="quiet icon" data-testid="delete-${cue.id}" aria-label="Delete “${title}”" title="Delete" ?disabled=${busy}
        @click=${() => this.#askDelete(cue, title)}>${trashIcon}</button>`;
  }

  #copyTool(cue: Cue, title: string): TemplateResult {
    return html`
      <button class="quiet icon" data-testid="duplicate-${cue.id}" aria-label="Prepare “${title}” again" title="Duplicate as a new draft"
        @click=${() => this.#form(cue.id, true)}>${copyIcon}</button>`;
  }

  async #askDelete(cue: Cue, title: string): Promise<void> {
    const dialog = this.renderRoot.querySelector("cl-confirm") as ClConfirm;
    const yes = await dialog.ask({
      title: "Delete this draft?",
      text: `“${title}”`,
      yes: "Delete",
      no: "Keep it",
    });
    if (yes) this.dispatchEvent(new DeleteRequest(cue.id));
  }

  #form(cue?: string, copy = false): void {
    this.dispatchEvent(new FormRequest(cue, copy));
  }

  #select(cue: Cue): void {
    this.dispatchEvent(new SelectRequest(cue.id));
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "cl-rundown": ClRundown;
  }
}
