import type { Kind, Results } from "@cuelight/player/core";
import { css, html, LitElement, nothing, type TemplateResult } from "lit";
import type { ApiError } from "../api.ts";
import { letter, windowLength } from "../format.ts";
import { crossIcon, plusIcon } from "../icons.ts";
import {
  blankQuestion,
  characters,
  type Field,
  LIMITS,
  type Policy,
  type Problem,
  type Question,
  sortRefusal,
  trimmed,
  validate,
} from "../question.ts";
import { SaveRequest } from "../requests.ts";
import { base, buttons, fields } from "../theme.ts";

const WINDOWS_MS = [10_000, 20_000, 30_000, 60_000] as const;

/** The longest wait between a finger leaving the screen and its click, in ms. */
const CLICK_MS = 120;

/**
 * The form for a poll or a trivia question, as a dialog. What is wrong is said
 * beside the field: once the field was left, and for all when saving is tried.
 *
 * @fires cl-save-request - Keep the question. The dialog stays until {@link ClQuestionForm.saved}.
 */
export class ClQuestionForm extends LitElement {
  static override readonly properties = {
    question: { state: true },
    touched: { state: true },
    refusal: { state: true },
    taken: { state: true },
    busy: { type: Boolean },
  };
  static override readonly styles = [
    base,
    buttons,
    fields,
    css`
      dialog {
        width: min(620px, calc(100vw - 24px)); max-height: calc(100dvh - 24px); padding: 0; border-radius: 14px;
        color: var(--cl-text); background: var(--cl-surface); border: 1px solid var(--cl-line);
        box-shadow: 0 24px 70px rgb(0 0 0 / 45%); overflow: hidden;
      }
      dialog::backdrop { background: rgb(4 7 11 / 62%); }
      form { display: flex; flex-direction: column; max-height: calc(100dvh - 26px); }
      header, footer { display: flex; align-items: center; gap: 10px; padding: 14px 20px; }
      header { border-bottom: 1px solid var(--cl-line); }
      h2 { flex: 1; font-size: 18px; }
      footer { border-top: 1px solid var(--cl-line); justify-content: flex-end; flex-wrap: wrap; }
      footer .problem { flex: 1; min-width: 150px; margin: 0; }
      .body { padding: 16px 20px 20px; display: grid; gap: 18px; overflow-y: auto; }
      .field-head { display: flex; align-items: baseline; gap: 10px; margin-bottom: 6px; }
      .field-head > :first-child { flex: 1; }
      label, legend, .legend { font-weight: 600; padding: 0; }
      .hint { color: var(--cl-muted); font-size: 12.5px; font-weight: 400; }
      .over { color: var(--cl-live); }
      .segments { display: inline-flex; border: 1px solid var(--cl-line-strong); border-radius: var(--cl-radius-small); overflow: hidden; }
      .segments + .hint, legend + .hint { margin-top: 6px; }
      .segments label { position: relative; cursor: pointer; padding: 8px 16px; display: block; }
      .segments label + label { border-left: 1px solid var(--cl-line-strong); }
      .segments input { position: absolute; opacity: 0; inset: 0; width: 100%; height: 100%; margin: 0; cursor: inherit; }
      .segments label:has(:checked) { background: var(--cl-accent); color: var(--cl-on-accent); }
      .segments label:has(:focus-visible) { outline: 2px solid var(--cl-accent); outline-offset: -4px; }
      .segments label:has(:checked:focus-visible) { outline-color: var(--cl-on-accent); }
      .segments label:has(:disabled) { opacity: 0.45; cursor: not-allowed; }
      .options { display: grid; gap: 8px; }
      .option { display: grid; grid-template-columns: auto minmax(0, 1fr) auto; gap: 4px 8px; align-items: center; }
      .option .problem { grid-column: 2 / -1; margin: 0; }
      .key { width: 22px; text-align: center; font-weight: 700; color: var(--cl-muted); }
      .correct { display: grid; place-items: center; width: 34px; height: 38px; cursor: pointer; }
      .correct input { width: 20px; height: 20px; margin: 0; accent-color: var(--cl-go); cursor: inherit; }
      .option:has(.correct :checked) input[type="text"] { border-color: var(--cl-go); box-shadow: inset 0 0 0 1px var(--cl-go); }
      .add { justify-self: start; margin-top: 8px; }
      .window { display: flex; flex-wrap: wrap; gap: 8px; align-items: center; }
      .window input { width: 96px; }
      .window button { min-height: 34px; padding: 4px 12px; font-weight: 500; }
      .window button[aria-pressed="true"] { border-color: var(--cl-accent); background: var(--cl-accent-soft); }
      .two { display: flex; flex-wrap: wrap; gap: 18px 32px; }
      .changes { display: flex; gap: 10px; align-items: flex-start; cursor: pointer; }
      .changes input { width: 20px; height: 20px; margin: 0; flex: none; accent-color: var(--cl-accent); cursor: inherit; }
      .changes .hint { display: block; }
      .changes:has(:disabled) { opacity: 0.6; cursor: not-allowed; }
      .advanced { border-top: 1px solid var(--cl-line); padding-top: 10px; }
      .advanced summary { cursor: pointer; padding: 6px 0; font-weight: 600; color: var(--cl-muted); }
      .advanced summary:hover { color: var(--cl-text); }
      .advanced fieldset { margin: 8px 0 16px; }
      .advanced .two > div { flex: 1 1 200px; }
      @media (max-width: 480px) {
        .segments label { padding: 10px 12px; }
        dialog { width: 100vw; max-width: 100vw; height: 100dvh; max-height: 100dvh; border: 0; border-radius: 0; margin: 0; }
        form { max-height: none; height: 100%; }
        .body { flex: 1; align-content: start; }
      }
    `,
  ];

  declare protected question: Question;
  declare protected touched: ReadonlySet<Field>;
  declare protected refusal: { readonly problems: readonly Problem[]; readonly rest: string };
  /** Whether the cue was taken: its kind and place stay then. */
  declare protected taken: boolean;
  /** Whether saving is under way. */
  declare busy: boolean;
  #cue: string | undefined;
  #saveTried = false;
  #windowText = "";
  #lagText = "";
  readonly #left = new Set<Field>();
  #pressed = false;
  #judging: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    super();
    this.question = blankQuestion();
    this.touched = new Set();
    this.refusal = { problems: [], rest: "" };
    this.taken = false;
    this.busy = false;
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearTimeout(this.#judging);
  }

  /** Opens the form with a question. `cue` is what it changes, a draft unless `taken`; undefined makes a new one. */
  async open(question: Question = blankQuestion(), cue?: string, taken = false): Promise<void> {
    this.#cue = cue;
    this.taken = taken;
    this.#lagText = String(question.maxLagMs / 1000);
    this.#saveTried = false;
    this.#left.clear();
    this.#windowText = String(question.windowMs / 1000);
    this.question = question;
    this.touched = new Set();
    this.refusal = { problems: [], rest: "" };
    await this.updateComplete;
    const dialog = this.#dialog();
    if (!dialog.open) dialog.showModal();
    this.renderRoot.querySelector<HTMLElement>("#title")?.focus();
  }

  /** The server's word on the last save: kept, or why not. */
  saved(error: ApiError | undefined): void {
    if (error === undefined) this.#dialog().close();
    else this.refusal = sortRefusal(error.message);
  }

  protected override render(): TemplateResult {
    const problems = this.#problems();
    return html`
      <dialog aria-labelledby="heading">
        <form novalidate @submit=${this.#submit} @pointerdown=${this.#press} @pointerup=${this.#press} @pointercancel=${this.#press}>
          <header>
            <h2 id="heading">${this.#cue === undefined ? "New question" : this.taken ? "Edit the taken cue" : "Edit question"}</h2>
            <button type="button" class="quiet icon" aria-label="Close the form" @click=${() => this.#dialog().close()}>${crossIcon}</button>
          </header>
          <div class="body">
            ${this.#kind()} ${this.#title(problems)} ${this.#options(problems)}
            <div class="two">${this.#window(problems)} ${this.#results()}</div>
            ${this.#changes()} ${this.#advanced(problems)}
          </div>
          <footer>
            ${this.refusal.rest === "" ? nothing : html`<p class="problem" role="alert">${this.refusal.rest}</p>`}
            <button type="button" @click=${() => this.#dialog().close()}>Discard</button>
            <button class="primary" data-testid="form-save" aria-busy=${this.busy} ?disabled=${this.busy}>
              ${this.busy ? "Saving…" : this.#cue === undefined ? "Add to rundown" : "Save changes"}
            </button>
          </footer>
        </form>
      </dialog>`;
  }

  #kind(): TemplateResult {
    const kinds: readonly (readonly [Kind, string])[] = [
      ["poll", "Poll"],
      ["trivia", "Trivia"],
    ];
    return html`
      <fieldset>
        <div class="segments">${kinds.map(
          ([kind, name]) => html`
            <label><input type="radio" name="kind" data-testid="form-kind-${kind}" .checked=${this.question.kind === kind} ?disabled=${this.taken}
              @change=${() => this.#set({ kind, results: kind === "trivia" ? "reveal" : "live" })} />${name}</label>`,
        )}</div>
        <legend class="hidden-text">Kind</legend>
        <p class="hint">${this.question.kind === "poll" ? "An opinion: no answer is right." : "One answer is right. It leaves the server only at reveal."}</p>
      </fieldset>`;
  }

  #title(problems: readonly Problem[]): TemplateResult {
    const used = characters(trimmed(this.question.title));
    return html`
      <div>
        <div class="field-head">
          <label for="title">Question</label>
          <span class="hint number ${used > LIMITS.maxTitle ? "over" : ""}">${used} / ${LIMITS.maxTitle}</span>
        </div>
        <textarea id="title" rows="2" data-testid="form-title" .value=${this.question.title}
          aria-invalid=${has(problems, "title")} aria-describedby="title-problem"
          @input=${(e: Event) => this.#set({ title: textOf(e) })} @blur=${() => this.#leave("title")}></textarea>
        ${this.#problem(problems, "title")}
      </div>`;
  }

  #options(problems: readonly Problem[]): TemplateResult {
    const { options, kind } = this.question;
    return html`
      <fieldset>
        <div class="field-head">
          <span class="legend" id="options-label">Answers</span>
          ${kind === "trivia" ? html`<span class="hint">Mark the right one</span>` : nothing}
        </div>
        <div class="options" role="group" aria-labelledby="options-label">${options.map((option, i) => this.#option(option, i, problems))}</div>
        ${this.#problem(problems, "options")} ${this.#problem(problems, "correct")}
        <button type="button" class="add" data-testid="form-add-option" ?disabled=${options.length >= LIMITS.maxOptions}
          @click=${() => this.#addOption()}>${plusIcon} Add an answer <span class="hint number">${options.length} / ${LIMITS.maxOptions}</span></button>
      </fieldset>`;
  }

  #option(option: string, i: number, problems: readonly Problem[]): TemplateResult {
    const field: Field = `option-${i}`;
    const trivia = this.question.kind === "trivia";
    return html`
      <div class="option">
        ${
          trivia
            ? html`<label class="correct" title="The right answer"><span class="hidden-text">Answer ${letter(i)} is right</span>
                <input type="radio" name="correct" data-testid="form-correct-${i}" .checked=${this.question.correct === i}
                  @change=${() => this.#set({ correct: i })} /></label>`
            : html`<span class="key" aria-hidden="true">${letter(i)}</span>`
        }
        <input type="text" id=${field} data-testid="form-option-${i}" aria-label="Answer ${letter(i)}" .value=${option}
          aria-invalid=${has(problems, field)} aria-describedby="${field}-problem"
          @input=${(e: Event) => this.#setOption(i, textOf(e))} @blur=${() => this.#leave(field)} />
        <button type="button" class="quiet icon" aria-label="Remove answer ${letter(i)}" ?disabled=${this.question.options.length <= LIMITS.minOptions}
          @click=${() => this.#removeOption(i)}>${crossIcon}</button>
        ${this.#problem(problems, field)}
      </div>`;
  }

  #window(problems: readonly Problem[]): TemplateResult {
    return html`
      <div>
        <div class="field-head"><label for="window">Seconds to answer</label></div>
        <div class="window">
          <input type="number" id="window" data-testid="form-window" inputmode="decimal" min="3" max="600" step="1"
            .value=${this.#windowText} aria-invalid=${has(problems, "window")} aria-describedby="window-problem"
            @input=${(e: Event) => this.#setWindow(textOf(e))} @blur=${() => this.#leave("window")} />
          ${WINDOWS_MS.map(
            (ms) => html`<button type="button" aria-pressed=${this.question.windowMs === ms}
              @click=${() => this.#setWindow(String(ms / 1000))}>${windowLength(ms)}</button>`,
          )}
        </div>
        ${this.#problem(problems, "window")}
      </div>`;
  }

  #results(): TemplateResult {
    const trivia = this.question.kind === "trivia";
    const policies: readonly (readonly [Results, string])[] = [
      ["live", "Live"],
      ["reveal", "At reveal"],
    ];
    return html`
      <fieldset>
        <legend class="hidden-text">When viewers see the bars</legend>
        <div class="field-head" aria-hidden="true"><span class="legend">Viewers see the bars</span></div>
        <div class="segments">${policies.map(
          ([results, name]) => html`
            <label><input type="radio" name="results" data-testid="form-results-${results}" .checked=${this.question.results === results}
              ?disabled=${trivia && results === "live"} @change=${() => this.#set({ results })} />${name}</label>`,
        )}</div>
      </fieldset>`;
  }

  #changes(): TemplateResult {
    return html`
      <label class="changes"><input type="checkbox" data-testid="form-changes" .checked=${this.question.changes} ?disabled=${this.taken}
        @change=${(e: Event) => this.#set({ changes: (e.target as HTMLInputElement).checked })} />
        <span>Answers may be changed until the window closes <span class="hint">The last one counts. Otherwise the first does.</span></span></label>`;
  }

  /** When a screen opens it, and where it lies there: most cues need neither. */
  #advanced(problems: readonly Problem[]): TemplateResult {
    const { policy, slot } = this.question;
    const policies: readonly (readonly [Policy, string, string])[] = [
      ["wall", "Together", "Every screen opens it at the same instant, wherever its picture is."],
      [
        "playhead",
        "With the picture",
        "A screen opens it when its own picture gets there, not before the others and up to the time below after them.",
      ],
      ["archive", "Archive", "Shown with the picture, whenever that is watched. Nobody answers."],
    ];
    return html`
      <details class="advanced" ?open=${policy !== "wall" || slot !== "" || has(problems, "slot")}>
        <summary>When and where it opens</summary>
        <fieldset>
          <legend class="hidden-text">When a screen opens it</legend>
          <div class="segments">${policies.map(
            ([name, word]) => html`
              <label><input type="radio" name="policy" data-testid="form-policy-${name}" .checked=${policy === name} ?disabled=${this.taken}
                @change=${() => this.#set({ policy: name })} />${word}</label>`,
          )}</div>
          <p class="hint">${policies.find(([name]) => name === policy)?.[2]}</p>
        </fieldset>
        <div class="two">
          <div ?hidden=${policy !== "playhead"}>
            <div class="field-head"><label for="lag">Seconds after the others, at most</label></div>
            <input type="number" id="lag" data-testid="form-lag" inputmode="decimal" min="0.1" max="10" step="0.1" .value=${this.#lagText} ?disabled=${this.taken}
              aria-invalid=${has(problems, "lag")} aria-describedby="lag-problem" @input=${(e: Event) => this.#setLag(textOf(e))} @blur=${() => this.#leave("lag")} />
            ${this.#problem(problems, "lag")}
          </div>
          <div>
            <div class="field-head"><label for="slot">Place on screen</label></div>
            <input type="text" id="slot" data-testid="form-slot" placeholder="main" autocapitalize="off" spellcheck="false" .value=${slot} ?disabled=${this.taken}
              aria-invalid=${has(problems, "slot")} aria-describedby="slot-hint slot-problem" @input=${(e: Event) => this.#set({ slot: textOf(e) })} @blur=${() => this.#leave("slot")} />
            <p class="hint" id="slot-hint">Cues in different places can be on air at once.</p>
            ${this.#problem(problems, "slot")}
          </div>
        </div>
      </details>`;
  }

  #setLag(text: string): void {
    this.#lagText = text;
    this.#set({ maxLagMs: text.trim() === "" ? 0 : Math.round(Number(text) * 1000) });
  }

  #problem(problems: readonly Problem[], field: Field): TemplateResult {
    const found = problems.find((problem) => problem.field === field);
    return html`<p class="problem" id="${field}-problem" data-testid="problem-${field}" ?hidden=${found === undefined}>${found?.message}</p>`;
  }

  /** What is to be said now: of the fields that were left, or of all once saving was tried; and the server's. */
  #problems(): readonly Problem[] {
    const own = validate(this.question).filter(
      (problem) => this.#saveTried || this.touched.has(problem.field),
    );
    return [...own, ...this.refusal.problems];
  }

  #set(change: Partial<Question>): void {
    this.question = { ...this.question, ...change };
    this.refusal = { problems: [], rest: "" };
  }

  #setOption(i: number, text: string): void {
    this.#set({ options: this.question.options.map((option, k) => (k === i ? text : option)) });
  }

  #setWindow(text: string): void {
    this.#windowText = text;
    this.#set({ windowMs: text.trim() === "" ? 0 : Math.round(Number(text) * 1000) });
  }

  #addOption(): void {
    this.#set({ options: [...this.question.options, ""] });
    const added = `#option-${this.question.options.length - 1}`;
    this.updateComplete
      .then(() => this.renderRoot.querySelector<HTMLElement>(added)?.focus())
      .catch(() => undefined);
  }

  #removeOption(i: number): void {
    const { correct } = this.question;
    this.#left.clear();
    this.touched = new Set([...this.touched].filter((field) => !field.startsWith("option-")));
    this.#set({
      options: this.question.options.filter((_, k) => k !== i),
      correct: correct === i ? -1 : correct > i ? correct - 1 : correct,
    });
  }

  /**
   * A field was left. What is wrong with it is said only after the click that
   * left it: the words move what lies below, and the click would miss.
   */
  #leave(field: Field): void {
    this.#left.add(field);
    this.#judgeLeft();
  }

  readonly #press = (event: Event): void => {
    this.#pressed = event.type === "pointerdown";
    if (!this.#pressed) this.#judgeLeft();
  };

  #judgeLeft(): void {
    clearTimeout(this.#judging);
    if (this.#pressed || this.#left.size === 0) return;
    this.#judging = setTimeout(() => {
      this.touched = new Set([...this.touched, ...this.#left]);
      this.#left.clear();
    }, CLICK_MS);
  }

  readonly #submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    if (this.busy) return;
    this.#saveTried = true;
    this.requestUpdate();
    if (validate(this.question).length > 0) {
      await this.updateComplete;
      this.renderRoot
        .querySelector<HTMLElement>("[aria-invalid='true'], .options input[type='radio']")
        ?.focus();
      return;
    }
    this.dispatchEvent(new SaveRequest(this.#cue, this.question));
  };

  #dialog(): HTMLDialogElement {
    return this.renderRoot.querySelector("dialog") as HTMLDialogElement;
  }
}

const has = (problems: readonly Problem[], field: Field): boolean =>
  problems.some((problem) => problem.field === field);

const textOf = (event: Event): string => (event.target as HTMLInputElement | HTMLTextAreaElement).value;

declare global {
  interface HTMLElementTagNameMap {
    "cl-question-form": ClQuestionForm;
  }
}
