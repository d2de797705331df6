import { css, html, LitElement, nothing, type TemplateResult } from "lit";
import { repeat } from "lit/directives/repeat.js";
import type { Recording } from "../api.ts";
import { trashIcon } from "../icons.ts";
import { address, began, extent } from "../recordings-view.ts";
import { EndRequest, RecordingRequest } from "../requests.ts";
import { CHANNEL_EVENT, type Command, type Recordings, recordingKey } from "../store.ts";
import { base, buttons, complaints, panel } from "../theme.ts";
import type { ClConfirm } from "./cl-confirm.ts";

/** How many recordings are shown until all are asked for. */
const SHOWN = 4;

/**
 * The event on air and how to end it, and what was recorded.
 *
 * @fires cl-end-request - End the event.
 * @fires cl-recording-request - Read the list again, or delete a recording.
 */
export class ClEvent extends LitElement {
  static override readonly properties = {
    live: { type: Boolean },
    ended: { type: Boolean },
    recordings: { attribute: false },
    pending: { attribute: false },
    complaint: { attribute: false },
    all: { state: true },
  };
  static override readonly styles = [
    base,
    panel,
    buttons,
    complaints,
    css`
      .panel-head { margin-bottom: 4px; }
      .state { display: inline-flex; align-items: center; gap: 7px; font-weight: 650; font-size: 13px; flex: none !important; color: var(--cl-muted); }
      .state i { width: 10px; height: 10px; border: 2px solid currentColor; border-radius: 50%; }
      .state[data-state="on"] { color: var(--cl-go); }
      .state[data-state="on"] i { background: currentColor; }
      .state[data-state="ended"] i { border-radius: 1px; background: currentColor; }
      .end { margin-top: 10px; width: 100%; }
      h3 { font-size: 12.5px; font-weight: 650; margin: 16px 0 4px; }
      li { display: grid; grid-template-columns: minmax(0, 1fr) auto; align-items: center; gap: 0 8px; padding: 4px 0; border-top: 1px solid var(--cl-line); }
      li a { color: var(--cl-accent); font-weight: 600; text-underline-offset: 3px; }
      .facts { font-size: 12.5px; color: var(--cl-muted); }
      .live { display: inline-flex; align-items: center; gap: 5px; font-size: 12px; font-weight: 650; color: var(--cl-live); padding-right: 8px; }
      .live::before { content: ""; width: 8px; height: 8px; border-radius: 50%; background: currentColor; }
      .li-complaint { grid-column: 1 / -1; margin: 4px 0; }
      .more { margin: 6px auto 0; display: flex; }
      .again { margin-top: 6px; }
    `,
  ];

  declare live: boolean;
  /** The event is over and the next one has not begun. */
  declare ended: boolean;
  declare recordings: Recordings;
  declare pending: ReadonlyMap<string, Command>;
  /** What the last command came to, and what it was about. */
  declare complaint: { readonly cue: string; readonly message: string } | undefined;
  declare protected all: boolean;

  constructor() {
    super();
    this.live = false;
    this.ended = false;
    this.recordings = { is: "unknown" };
    this.pending = new Map();
    this.all = false;
  }

  protected override render(): TemplateResult {
    const [state, words] = this.ended
      ? ["ended", "Ended"]
      : this.live
        ? ["on", "On air"]
        : ["off", "Off the air"];
    const busy = this.pending.has(CHANNEL_EVENT);
    return html`
      <section class="panel" aria-labelledby="heading" data-testid="event" data-state=${state}>
        <div class="panel-head">
          <h2 id="heading" class="label">Event</h2>
          <span class="state" role="status" data-state=${state}><i aria-hidden="true"></i>${words}</span>
        </div>
        ${this.ended ? html`<p class="muted">Viewers play to its end. The next broadcast begins a new event.</p>` : nothing}
        <button class="danger end" data-testid="end-event" aria-busy=${busy} ?hidden=${this.ended} ?disabled=${busy}
          @click=${() => this.#askEnd()}>${busy ? "Ending…" : "End the event…"}</button>
        ${this.#complaint(CHANNEL_EVENT)} ${this.#recordings()}
        <cl-confirm></cl-confirm>
      </section>`;
  }

  #complaint(about: string): TemplateResult | typeof nothing {
    return this.complaint?.cue === about
      ? html`<p class="complaint li-complaint" role="alert">${this.complaint.message}</p>`
      : nothing;
  }

  #recordings(): TemplateResult | typeof nothing {
    const { recordings } = this;
    switch (recordings.is) {
      case "none":
        return nothing;
      case "unknown":
        return html`<h3>Recordings</h3><p class="muted" role="status">Reading the list…</p>`;
      case "failed":
        return html`
          <h3>Recordings</h3>
          <p class="complaint" role="alert">${recordings.message}</p>
          <button class="again" @click=${() => this.dispatchEvent(new RecordingRequest())}>Try again</button>`;
      case "listed":
        return this.#list(recordings.list);
      default:
        return recordings satisfies never;
    }
  }

  #list(list: readonly Recording[]): TemplateResult {
    if (list.length === 0) return html`<h3>Recordings</h3><p class="muted">None yet.</p>`;
    const shown = this.all ? list : list.slice(0, SHOWN);
    return html`
      <h3 id="recordings">Recordings</h3>
      <ul aria-labelledby="recordings" data-testid="recordings">${repeat(
        shown,
        (r) => r.id,
        (r) => this.#row(r),
      )}</ul>
      ${shown.length < list.length ? html`<button class="quiet more" @click=${() => this.#showAll()}>Show all ${list.length}</button>` : nothing}`;
  }

  #row(r: Recording): TemplateResult {
    const url = address(r);
    const busy = this.pending.has(recordingKey(r.id));
    return html`
      <li data-testid="recording-${r.id}">
        <div>
          ${url === undefined ? html`<b>${began(r)}</b>` : html`<a href=${url} target="_blank" rel="noopener">${began(r)}</a>`}
          <div class="facts number">${extent(r)}</div>
        </div>
        ${
          r.live
            ? html`<span class="live">Recording</span>`
            : html`<button class="quiet icon" data-testid="delete-recording-${r.id}" aria-label="${busy ? "Deleting" : "Delete"} the recording of ${began(r)}" title=${busy ? "Deleting…" : "Delete"}
                aria-busy=${busy} ?disabled=${busy} @click=${() => this.#askDelete(r)}>${trashIcon}</button>`
        }
        ${this.#complaint(recordingKey(r.id))}
      </li>`;
  }

  #showAll(): void {
    this.all = true;
  }

  async #askEnd(): Promise<void> {
    const yes = await this.#ask({
      title: "End the event?",
      text: "Viewers play what they have to its end, and the recording is closed. What the encoder still sends is not shown. The next broadcast begins a new event.",
      yes: "End the event",
      no: "Keep it on air",
    });
    if (yes) this.dispatchEvent(new EndRequest());
  }

  async #askDelete(r: Recording): Promise<void> {
    const yes = await this.#ask({
      title: "Delete this recording?",
      text: `${began(r)}, ${extent(r)}. It cannot be brought back.`,
      yes: "Delete",
      no: "Keep it",
    });
    if (yes) this.dispatchEvent(new RecordingRequest(r.id));
  }

  #ask(question: Parameters<ClConfirm["ask"]>[0]): Promise<boolean> {
    return (this.renderRoot.querySelector("cl-confirm") as ClConfirm).ask(question);
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "cl-event": ClEvent;
  }
}
