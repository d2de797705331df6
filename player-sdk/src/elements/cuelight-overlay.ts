import { html, LitElement, nothing, type PropertyValues, type TemplateResult } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { millis } from "../core/index.ts";
import { Curtain } from "./curtain.ts";
import { AnswerRequest } from "./events.ts";
import { iconCheck, iconCross } from "./icons.ts";
import { overlayStyles } from "./overlay-styles.ts";
import {
  announcement,
  answerable,
  answers,
  chosen,
  type OptionView,
  type OverlayView,
  receiptLine,
  resultLine,
} from "./overlay-view.ts";
import { theme } from "./theme.ts";

const TICK = 100;
const HURRY = 5; // s

/**
 * One question over, or under, the video: countdown, answers, receipt, result.
 * State comes down in `view`, wishes go up as events: what is counted, the
 * server says.
 *
 * @fires cuelight-answer-request - The viewer chose an option.
 * @csspart card - The question's card.
 * @csspart option - Each answer button.
 * @csspart countdown - Seconds left.
 * @csspart receipt - Where the answer stands.
 * @csspart result - What became of the cue.
 * @cssproperty --cuelight-accent - Colour of the chosen option and the countdown.
 * @cssproperty --cuelight-surface - Background of the card.
 */
export class CuelightOverlay extends LitElement {
  static override readonly properties = {
    view: { attribute: false, hasChanged: differs },
    next: { attribute: false, hasChanged: differs },
    now: { state: true },
    announced: { state: true },
  };
  static override readonly styles = [theme, overlayStyles];

  /** The cue on screen; undefined for none. */
  declare view: OverlayView | undefined;
  /** The cue that opens next: rendered, laid out, and not visible. */
  declare next: OverlayView | undefined;
  declare private now: number;
  declare private announced: string;
  #timer: ReturnType<typeof setInterval> | undefined;
  readonly #curtain = new Curtain();

  constructor() {
    super();
    this.now = 0;
    this.announced = "";
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#curtain.drop();
  }

  /** Whether the browser will show this cue at its instant, even if the page is busy then. */
  drives(cue: string): boolean {
    return this.#curtain.drives(cue);
  }

  /** Chooses option `index` as if its button was pressed at `at`; ignored when nothing can be chosen. */
  choose(index: number, at: number): void {
    const { view } = this;
    if (view === undefined || !answerable(view) || index >= view.options.length) return;
    this.dispatchEvent(new AnswerRequest(view.cue, index, millis(at)));
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    if (!changed.has("view")) return;
    const words = announcement(changed.get("view"), this.view);
    if (words !== "") this.announced = words;
    this.now = performance.now();
    this.#keepTime();
  }

  protected override updated(): void {
    const card = this.renderRoot.querySelector<HTMLElement>(".card.ahead");
    this.#curtain.hang(card ?? undefined, this.next);
  }

  #keepTime(): void {
    const counting = this.view?.phase === "open";
    if (counting && this.#timer === undefined) {
      this.#timer = setInterval(() => {
        this.now = performance.now();
      }, TICK);
    }
    if (!counting) {
      clearInterval(this.#timer);
      this.#timer = undefined;
    }
  }

  protected override render(): TemplateResult {
    const shown = this.view;
    const next = this.next?.cue === shown?.cue ? undefined : this.next;
    const cards = [shown, next].filter((v) => v !== undefined);
    return html`
      <div class="unseen" aria-live="polite" role="status">${this.announced}</div>
      ${repeat(
        cards,
        (view) => view.cue,
        (view) => this.#card(view, view === shown),
      )}`;
  }

  #card(view: OverlayView, visible: boolean): TemplateResult {
    const left = this.#secondsLeft(view);
    return html`
      <section
        part="card"
        class="card ${view.phase} ${visible ? "" : "ahead"} ${this.view === undefined ? "alone" : ""} ${left <= HURRY ? "hurry" : ""}"
        data-testid=${visible ? "overlay" : nothing}
        data-cue=${view.cue}
        data-phase=${view.phase}
        ?inert=${!visible}
        aria-label=${view.kind === "trivia" ? "Question" : "Poll"}
      >
        ${this.#progress(view)}
        <header>
          <h2 id="title-${view.cue}">${view.title}</h2>
          ${view.phase === "open" || view.phase === "paused" ? this.#countdown(left) : nothing}
        </header>
        ${view.phase === "paused" ? html`<p class="halt" data-testid="paused">Paused by the host</p>` : nothing}
        ${view.behind ? html`<p class="behind" data-testid="behind">Your video is behind, answer now.</p>` : nothing}
        <div class="options ${view.options.length === 3 ? "three" : ""}" role="group" aria-labelledby="title-${view.cue}">
          ${view.options.map((option, i) => this.#option(view, option, i))}
        </div>
        ${this.#footer(view)}
      </section>`;
  }

  #secondsLeft({ closesAt, left, phase }: OverlayView): number {
    if (phase === "paused" && left !== undefined) return Math.ceil(left / 1000);
    if (closesAt === undefined || phase !== "open") return Number.POSITIVE_INFINITY;
    return Math.max(0, Math.ceil((closesAt - this.now) / 1000));
  }

  #countdown(left: number): TemplateResult | typeof nothing {
    if (left === Number.POSITIVE_INFINITY) return nothing;
    return html`
      <div part="countdown" class="countdown" role="timer" aria-live="off" data-testid="countdown">
        <span class="number">${left}</span><span class="unit"> s</span>
      </div>`;
  }

  #progress({ closesAt, left, window, phase }: OverlayView): TemplateResult | typeof nothing {
    const time = phase === "open" && closesAt !== undefined ? closesAt - this.now : left;
    if (time === undefined) return nothing;
    const share = Math.min(1, Math.max(0, time / window));
    return html`<div class="progress" .style=${scaled(share)}></div>`;
  }

  #option(view: OverlayView, option: OptionView, i: number): TemplateResult {
    const mine = chosen(view) === i;
    const right = view.correct === i;
    const wrong = view.correct !== undefined && mine && !right;
    return html`
      <button
        part="option"
        class="option ${mine ? "mine" : ""} ${right ? "right" : ""} ${wrong ? "wrong" : ""}"
        data-testid="option-${i}"
        type="button"
        aria-pressed=${mine}
        ?disabled=${!answerable(view)}
        @click=${(event: MouseEvent) => this.choose(i, event.timeStamp)}
      >
        ${this.#bar(view, option)}
        <span class="key" aria-hidden="true">${this.#mark(i, mine, right, wrong)}</span>
        <span class="label">${option.label}</span>
        ${view.total === undefined ? nothing : html`<span class="share">${percent(option.share)}</span>`}
        ${right ? html`<span class="unseen">, the right answer</span>` : nothing}
      </button>`;
  }

  #mark(i: number, mine: boolean, right: boolean, wrong: boolean): TemplateResult | number {
    if (wrong) return iconCross;
    return right || mine ? iconCheck : i + 1;
  }

  #bar(view: OverlayView, option: OptionView): TemplateResult | typeof nothing {
    if (view.total === undefined) return nothing;
    return html`<span class="bar" .style=${scaled(option.share)}></span>`;
  }

  #footer(view: OverlayView): TemplateResult {
    const receipt = receiptLine(view);
    const result = resultLine(view);
    const noted = view.answer.is === "counted" && view.answer.note !== "";
    const counted = view.total !== undefined && (view.phase === "open" || view.correct !== undefined);
    const votes = counted ? answers(view.total) : ""; // otherwise the result says it
    return html`
      <footer>
        ${
          result === ""
            ? nothing
            : html`<p part="result" class="result ${verdictClass(view)}" data-testid="result">${result}</p>`
        }
        <p part="receipt" class="receipt ${noted ? "noted" : view.answer.is}" data-testid="receipt" data-state=${view.answer.is}>
          ${view.answer.is === "sending" ? html`<span class="spinner" aria-hidden="true"></span>` : nothing}
          ${view.answer.is === "counted" && !noted ? iconCheck : nothing}${receipt}
        </p>
        ${votes === "" ? nothing : html`<p class="votes">${votes}</p>`}
      </footer>`;
  }
}

/** Views are made afresh ten times a second and are mostly the same. */
function differs(a: OverlayView | undefined, b: OverlayView | undefined): boolean {
  return JSON.stringify(a) !== JSON.stringify(b);
}

/** As a property, not an attribute: a strict content security policy forbids the attribute. */
const scaled = (share: number): string => `transform: scaleX(${share.toFixed(4)})`;

const percent = (share: number): string => `${Math.round(share * 100)} %`;

function verdictClass(view: OverlayView): string {
  const mine = chosen(view);
  if (view.correct === undefined || mine === undefined) return "";
  return mine === view.correct ? "good" : "bad";
}

declare global {
  interface HTMLElementTagNameMap {
    "cuelight-overlay": CuelightOverlay;
  }
}
