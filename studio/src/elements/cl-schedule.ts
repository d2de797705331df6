import { css, html, LitElement, nothing, type TemplateResult } from "lit";
import { type OpenAt, openAt } from "../schedule.ts";
import { base, buttons, fields } from "../theme.ts";
import { Ticker } from "../ticker.ts";
import type { RoomNow } from "./cl-countdown.ts";

/** The time of day at which a draft shall open. */
export class ClSchedule extends LitElement {
  static override readonly properties = {
    now: { attribute: false },
    off: { type: Boolean },
    ask: { attribute: false },
    time: { state: true },
  };
  static override readonly styles = [
    base,
    buttons,
    fields,
    css`
      form { display: flex; flex-wrap: wrap; align-items: center; gap: 6px 8px; justify-content: flex-end; }
      label { color: var(--cl-muted); font-size: 13px; white-space: nowrap; }
      input { width: 152px !important; }
      .said { flex-basis: 100%; text-align: right; font-size: 12.5px; margin: 0; color: var(--cl-muted); }
      .said.problem { color: var(--cl-live); }
      @media (max-width: 560px) {
        form { justify-content: flex-start; }
        input { flex: 1; }
        .said { text-align: left; }
      }
    `,
  ];

  /** The room clock. */
  declare now: RoomNow | undefined;
  /** Nothing can be taken now. */
  declare off: boolean;
  /** Asks for the cue to open at an instant, in µs on R. */
  declare ask: ((openUs: number) => void) | undefined;
  declare protected time: string;

  constructor() {
    super();
    this.off = false;
    this.time = "";
    new Ticker(this, 500, () => this.time !== "");
  }

  protected override render(): TemplateResult {
    const at = this.time === "" ? undefined : openAt(this.time, this.now?.());
    return html`
      <form @submit=${this.#submit}>
        <label for="time">or open at</label>
        <input id="time" type="time" step="1" data-testid="open-at" aria-invalid=${at?.ok === false} aria-describedby="said"
          .value=${this.time} @input=${(e: Event) => this.#typed(e)} />
        <button data-testid="schedule" ?disabled=${this.off || at?.ok !== true}>Schedule</button>
        ${at === undefined ? nothing : this.#said(at)}
      </form>`;
  }

  #said(at: OpenAt): TemplateResult {
    return html`<p id="said" class="said number ${at.ok ? "" : "problem"}">${at.ok ? at.words : at.problem}</p>`;
  }

  #typed(event: Event): void {
    this.time = (event.target as HTMLInputElement).value;
  }

  readonly #submit = (event: Event): void => {
    event.preventDefault();
    const at = openAt(this.time, this.now?.());
    if (!at.ok || this.off) return;
    this.ask?.(at.openUs);
    this.time = "";
  };
}

declare global {
  interface HTMLElementTagNameMap {
    "cl-schedule": ClSchedule;
  }
}
