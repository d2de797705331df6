import type { Cue, OpeningsMessage } from "@cuelight/player/core";
import { css, html, LitElement, nothing, type TemplateResult } from "lit";
import { count, percent, spread } from "../format.ts";
import { away, lightOf, openedWindows, reach, why } from "../openings-view.ts";
import { LookRequest } from "../requests.ts";
import { base, buttons, panel, shares } from "../theme.ts";

/** An opening later than this stands out, in µs. */
const WIDE_US = 50_000;

/**
 * How together a cue opened and closed: distances, reach, who was out and why.
 *
 * @fires cl-look-request - Back to the cue on air.
 */
export class ClOpenings extends LitElement {
  static override readonly properties = {
    openings: { attribute: false },
    cue: { attribute: false },
    looked: { type: Boolean },
  };
  static override readonly styles = [
    base,
    panel,
    buttons,
    shares,
    css`
      .of { display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 2; overflow: hidden; overflow-wrap: anywhere; font-weight: 600; margin-bottom: 8px; }
      .back { min-height: 28px; padding: 2px 10px; font-size: 12.5px; flex: none; }
      cl-light { margin-bottom: 12px; }
      h3 { font-size: 12.5px; font-weight: 650; margin: 14px 0 6px; }
      .small { font-size: 12.5px; }
      .figures { display: grid; grid-template-columns: repeat(3, minmax(0, 1fr)); gap: 6px; margin: 2px 0 10px; }
      .figures div { display: flex; flex-direction: column-reverse; justify-content: flex-end; }
      .figures dt { font-size: 12px; color: var(--cl-muted); }
      .figures dd { font-size: 18px; font-weight: 700; white-space: nowrap; }
      .figures .wide { color: var(--cl-wait); }
      .reach { margin: 12px 0 2px; }
      .reach .rail { height: 6px; border-radius: 3px; background: var(--cl-raised); box-shadow: inset 0 0 0 1px var(--cl-line); margin: 4px 0 8px; overflow: hidden; }
      .reach .rail i { display: block; height: 100%; background: var(--cl-go); transform-origin: left; transform: scaleX(var(--share, 0)); }
      details { margin-top: 10px; border-top: 1px solid var(--cl-line); }
      summary { cursor: pointer; padding: 9px 0 5px; color: var(--cl-muted); font-weight: 600; font-size: 13px; }
      summary:hover { color: var(--cl-text); }
      .who { display: grid; gap: 4px; font-size: 13px; }
      .who li { display: grid; grid-template-columns: minmax(0, 1fr) auto; gap: 0 8px; }
      .who .name { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
      .who .far { font-weight: 600; }
      .who .why { grid-column: 1 / -1; color: var(--cl-muted); font-size: 12.5px; }
      @media (pointer: coarse) { summary { padding: 13px 0 9px; } }
    `,
  ];

  declare openings: OpeningsMessage | undefined;
  /** The cue that they are of, as far as it is known. */
  declare cue: Cue | undefined;
  /** Whether the producer chose this cue. */
  declare looked: boolean;

  constructor() {
    super();
    this.looked = false;
  }

  protected override render(): TemplateResult {
    const o = this.openings;
    return html`
      <section class="panel" aria-labelledby="spread">
        <div class="panel-head">
          <h2 id="spread" class="label">Opened together</h2>
          ${this.looked ? html`<button class="back" @click=${() => this.dispatchEvent(new LookRequest(undefined))}>Back to on air</button>` : nothing}
        </div>
        ${o === undefined ? html`<p class="muted">Shown once a cue has opened.</p>` : this.#all(o)}
      </section>`;
  }

  #all(o: OpeningsMessage): TemplateResult {
    const title = this.cue?.text?.title;
    return html`
      ${title === undefined ? nothing : html`<p class="of">${title}</p>`}
      ${this.cue === undefined || !this.looked ? nothing : html`<cl-light .light=${lightOf(this.cue, o)}></cl-light>`}
      ${this.#figures(o)}
      <cl-histogram .histogram=${o.histogram}></cl-histogram>
      ${this.#reach(o)} ${this.#classes(o)} ${this.#out(o)} ${this.#who(o)}`;
  }

  #figures(o: OpeningsMessage): TemplateResult {
    const figures = [
      ["half", "spread-p50", o.p50_us],
      ["95\u00a0%", "spread-p95", o.p95_us],
      ["all", "spread-max", o.max_us],
    ] as const;
    return html`
      <dl class="figures">${figures.map(
        ([name, id, us]) => html`
          <div><dt>${name} within</dt><dd class="number ${us > WIDE_US ? "wide" : ""}" data-testid=${id} data-value=${us}>${o.reported > 0 ? spread(us) : "–"}</dd></div>`,
      )}</dl>`;
  }

  #reach(o: OpeningsMessage): TemplateResult {
    const share = o.expected > 0 ? Math.min(1, o.in_time / o.expected) : 0;
    return html`
      <div class="reach">
        <p><b class="number" data-testid="reach" data-value=${o.in_time}>${reach(o)}</b> in time <span class="muted number">· ${percent(o.in_time, o.expected)} %</span></p>
        <div class="rail" aria-hidden="true"><i .style=${`--share:${share}`}></i></div>
      </div>
      <dl class="legend">
        <div><dt>Reported</dt><dd class="number" data-testid="openings-reported">${count(o.reported)} <span class="muted">of ${count(o.expected)}</span></dd></div>
        <div><dt>First to last</dt><dd class="number">${spread(o.spread_us)}</dd></div>
        <div><dt>Clock error <span class="muted">95 %</span></dt><dd class="number">${o.reported > 0 ? `±\u00a0${spread(o.dispersion_p95_us)}` : "–"}</dd></div>
        <div><dt>Windows closed</dt><dd class="number" data-testid="windows-closed" data-value=${o.closed}>${count(o.closed)} <span class="muted">of ${count(openedWindows(o))}</span></dd></div>
        <div><dt>Joined inside the window</dt><dd class="number">${count(o.late)}</dd></div>
      </dl>`;
  }

  #classes(o: OpeningsMessage): TemplateResult {
    const groups = [
      ["in", "in step", o.classes.in],
      ["near", "near", o.classes.near],
      ["far", "far", o.classes.far],
      ["none", "no video", o.classes.none],
    ] as const;
    return html`
      <h3>Their pictures as it opened</h3>
      <div class="stack" aria-hidden="true">${groups.map(([look, , n]) => html`<i class=${look} .style=${`--share:${n}`} ?hidden=${n === 0}></i>`)}</div>
      <ul class="inline number">${groups.map(
        ([look, name, n]) =>
          html`<li><span class="dot ${look}" aria-hidden="true"></span>${count(n)} ${name}</li>`,
      )}</ul>`;
  }

  #out(o: OpeningsMessage): TemplateResult | typeof nothing {
    if (o.out.length === 0) return nothing;
    return html`
      <h3>Out, and why</h3>
      <dl class="legend" data-testid="out">${o.out.map(
        (each) => html`<div><dt>${why(each.why)}</dt><dd class="number">${count(each.count)}</dd></div>`,
      )}</dl>`;
  }

  #who(o: OpeningsMessage): TemplateResult | typeof nothing {
    if (o.who.length === 0) return nothing;
    return html`
      <details>
        <summary>Who: the ${o.who.length === 1 ? "one" : `${o.who.length}`} furthest away</summary>
        <ol class="who number" data-testid="who">${o.who.map(
          (each) => html`
            <li><span class="name" title=${each.participant}>${each.participant}</span><span class="far">${away(each)}</span>
              <span class="why">${why(each.why)}${each.class === "" ? nothing : html` · picture ${classWords[each.class] ?? each.class}`}</span></li>`,
        )}</ol>
      </details>`;
  }
}

const classWords: Readonly<Record<string, string>> = {
  in: "in step",
  near: "near",
  far: "far",
  none: "not playing",
};

declare global {
  interface HTMLElementTagNameMap {
    "cl-openings": ClOpenings;
  }
}
