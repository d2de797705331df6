import { css, html, LitElement, nothing, type TemplateResult } from "lit";
import { repeat } from "lit/directives/repeat.js";
import type { ShowResult } from "../shows.ts";
import { cueOf, facts, neverOpened, remark, stateWords, tallyOf } from "../shows-view.ts";
import { base, chips } from "../theme.ts";

/** The questions of a show that is over, with their results. */
export class ClShow extends LitElement {
  static override readonly properties = { results: { attribute: false } };
  static override readonly styles = [
    base,
    chips,
    css`
      li + li { margin-top: 22px; padding-top: 20px; border-top: 1px solid var(--cl-line); }
      .head { display: flex; flex-wrap: wrap; align-items: center; gap: 4px 10px; }
      .facts { font-size: 12.5px; color: var(--cl-muted); }
      h3 { font-size: 17px; line-height: 1.3; margin: 6px 0 10px; overflow-wrap: anywhere; }
      .remark { margin-top: 6px; font-size: 13px; color: var(--cl-muted); overflow-wrap: anywhere; }
    `,
  ];

  declare results: readonly ShowResult[];

  constructor() {
    super();
    this.results = [];
  }

  protected override render(): TemplateResult {
    return html`<ol aria-label="Questions">${repeat(
      this.results,
      (result) => result.cue,
      (result) => this.#question(result),
    )}</ol>`;
  }

  #question(result: ShowResult): TemplateResult {
    const words = remark(result);
    return html`
      <li data-testid="past-cue-${result.cue}">
        <div class="head">
          <span class="chip" data-state=${result.state}>${stateWords(result)}</span>
          <span class="facts number">${facts(result)}</span>
        </div>
        <h3>${result.title}</h3>
        ${neverOpened(result) ? nothing : html`<cl-results .cue=${cueOf(result)} .tally=${tallyOf(result)}></cl-results>`}
        ${words === "" ? nothing : html`<p class="remark">${words}</p>`}
      </li>`;
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "cl-show": ClShow;
  }
}
