import type { Cue, Tally } from "@cuelight/player/core";
import { css, html, LitElement, nothing, type TemplateResult } from "lit";
import { count, letter, percent } from "../format.ts";
import { checkIcon } from "../icons.ts";
import { base } from "../theme.ts";

/**
 * The options of a cue with a bar and a count each, and the total.
 *
 * @cssproperty --cl-fill - Colour of the bars.
 * @cssproperty --cl-go-fill - Colour of the right answer's bar.
 */
export class ClResults extends LitElement {
  static override readonly properties = {
    cue: { attribute: false },
    tally: { attribute: false },
    viewers: { attribute: false },
  };
  static override readonly styles = [
    base,
    css`
      li {
        display: grid; grid-template-columns: 28px minmax(0, 1fr) auto 4em; align-items: center; gap: 0 10px;
        min-height: 40px; padding: 5px 14px 5px 6px; position: relative; overflow: hidden; isolation: isolate;
        border-radius: var(--cl-radius-small); background: var(--cl-raised);
      }
      li + li { margin-top: 6px; }
      .key {
        width: 28px; height: 28px; border-radius: 6px; display: grid; place-items: center; font-weight: 700; font-size: 13px;
        background: var(--cl-surface); color: var(--cl-muted);
      }
      .text { overflow-wrap: anywhere; font-size: 15px; font-weight: 600; line-height: 1.3; }
      .count { text-align: right; }
      .share { font-size: 18px; font-weight: 700; text-align: right; }
      .bar {
        position: absolute; inset: 0; z-index: -1; background: var(--cl-fill);
        transform-origin: left; transform: scaleX(var(--share, 0)); transition: transform 0.2s ease-out;
      }
      .right { box-shadow: inset 0 0 0 1.5px var(--cl-go); }
      .right .bar { background: var(--cl-go-fill); }
      .right .key { color: var(--cl-go); }
      .mark {
        display: inline-flex; align-items: center; gap: 3px; margin-left: 8px; color: var(--cl-go);
        font-size: 12px; font-weight: 650; vertical-align: 1px;
      }
      .mark svg { width: 14px; height: 14px; }
      .total {
        display: flex; align-items: baseline; gap: 7px; margin-top: 10px; flex-wrap: wrap;
      }
      .total b { font-size: 22px; line-height: 1.2; letter-spacing: -0.01em; }
    `,
  ];

  declare cue: Cue | undefined;
  declare tally: Tally | undefined;
  /** Viewers now, for the share of them that answered; undefined if not known. */
  declare viewers: number | undefined;

  protected override render(): TemplateResult | typeof nothing {
    const { cue, tally } = this;
    if (cue === undefined) return nothing;
    const labels = cue.text?.options ?? Array.from({ length: cue.choices }, (_, i) => `Option ${letter(i)}`);
    const total = tally?.total ?? 0;
    return html`
      <ol aria-label="Answers">${labels.map((label, i) => this.#option(cue, label, i, tally?.counts[i] ?? 0, total))}</ol>
      <p class="total">
        <b class="number" data-testid="tally-total" data-value=${total}>${count(total)}</b>
        <span>${total === 1 ? "answer" : "answers"}${tally?.final === true ? ", final" : nothing}</span>
        <span class="muted number">${this.#reach(total)}</span>
      </p>`;
  }

  #option(cue: Cue, label: string, i: number, votes: number, total: number): TemplateResult {
    const right = cue.correct === i;
    return html`
      <li class=${right ? "right" : ""}>
        <span class="key" aria-hidden="true">${letter(i)}</span>
        <span class="text">${label}${right ? html`<span class="mark">${checkIcon}right answer</span>` : nothing}</span>
        <span class="count number" data-testid="tally-count-${i}" data-value=${votes}>${count(votes)}</span>
        <span class="share number">${percent(votes, total)}<small class="muted"> %</small></span>
        <span class="bar" aria-hidden="true" .style=${`--share:${total > 0 ? votes / total : 0}`}></span>
      </li>`;
  }

  #reach(total: number): string {
    const { viewers } = this;
    if (viewers === undefined || viewers === 0 || this.tally?.final === true) return "";
    return `· ${Math.min(100, percent(total, viewers))} % of ${count(viewers)} watching`;
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "cl-results": ClResults;
  }
}
