import type { Histogram } from "@cuelight/player/core";
import { css, html, LitElement, nothing, svg, type TemplateResult } from "lit";
import { count, spread } from "../format.ts";
import { type Bar, bars } from "../openings-view.ts";
import { base } from "../theme.ts";

const HEIGHT = 56;
const STEP = 12;
const GAP = 2;

/** How far from their instant the windows opened, as columns; for a screen reader, as a table. */
export class ClHistogram extends LitElement {
  static override readonly properties = { histogram: { attribute: false } };
  static override readonly styles = [
    base,
    css`
      :host { position: relative; }
      svg { width: 100%; height: 72px; }
      rect { fill: var(--cl-accent); }
      .outside { fill: var(--cl-wait); }
      .floor { stroke: var(--cl-line-strong); }
      .zero { stroke: var(--cl-text); stroke-dasharray: 3 3; opacity: 0.7; }
      .ends { display: grid; grid-template-columns: 1fr auto 1fr; font-size: 12px; color: var(--cl-muted); margin-top: 3px; }
      .ends :last-child { text-align: right; }
    `,
  ];

  declare histogram: Histogram | undefined;

  protected override render(): TemplateResult | typeof nothing {
    const h = this.histogram;
    if (h === undefined) return nothing;
    const columns = bars(h);
    const width = columns.length * STEP;
    return html`
      <svg viewBox="0 0 ${width} ${HEIGHT + 2}" preserveAspectRatio="none" aria-hidden="true" data-testid="histogram">
        ${columns.map((bar, i) => column(bar, i))}
        <path class="floor" d="M0 ${HEIGHT + 0.5}H${width}" vector-effect="non-scaling-stroke" />
        <path class="zero" d=${`M${zeroAt(h)} 0V${HEIGHT}`} vector-effect="non-scaling-stroke" />
      </svg>
      <div class="ends number" aria-hidden="true">
        <span>${spread(Math.abs(h.from_us))} early</span><span>on time</span><span>${spread(h.from_us + h.step_us * h.counts.length)} late</span>
      </div>
      ${table(columns)}`;
  }
}

/** Where the instant itself lies, with the column of what is below the scale at its left. */
const zeroAt = (h: Histogram): number => STEP * (1 + (h.step_us > 0 ? -h.from_us / h.step_us : 0));

function column(bar: Bar, i: number) {
  const height = bar.count === 0 ? 0 : Math.max(2, bar.height * HEIGHT);
  return svg`
    <rect class=${bar.outside ? "outside" : ""} x=${i * STEP + GAP / 2} y=${(HEIGHT - height).toFixed(1)} width=${STEP - GAP} height=${height.toFixed(1)}>
      <title>${bar.label}: ${count(bar.count)}</title>
    </rect>`;
}

/** Only what there is: rows of nothing say nothing. */
const table = (columns: readonly Bar[]): TemplateResult => html`
  <div class="hidden-text"><table>
    <caption>Distance of openings from the instant set</caption>
    <thead><tr><th scope="col">Distance</th><th scope="col">Viewers</th></tr></thead>
    <tbody>${columns
      .filter((bar) => bar.count > 0)
      .map((bar) => html`<tr><th scope="row">${bar.label}</th><td>${count(bar.count)}</td></tr>`)}</tbody>
  </table></div>`;

declare global {
  interface HTMLElementTagNameMap {
    "cl-histogram": ClHistogram;
  }
}
