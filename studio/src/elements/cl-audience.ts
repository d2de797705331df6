import type { OpeningsMessage, PresenceMessage } from "@cuelight/player/core";
import { css, html, LitElement, type TemplateResult } from "lit";
import { count, spread } from "../format.ts";
import { base, panel } from "../theme.ts";

/** An opening later than this stands out, in µs. */
const WIDE_US = 50_000;

/** Who is watching and how well in step, and how far apart the last cue opened. */
export class ClAudience extends LitElement {
  static override readonly properties = { presence: { attribute: false }, openings: { attribute: false } };
  static override readonly styles = [
    base,
    panel,
    css`
      .big { font-size: 40px; font-weight: 750; line-height: 1.1; letter-spacing: -0.02em; }
      .pair { display: flex; align-items: baseline; gap: 8px; flex-wrap: wrap; }
      .stack { display: flex; height: 12px; border-radius: 6px; overflow: hidden; background: var(--cl-raised); margin: 12px 0 10px; gap: 2px; }
      .stack i { flex: var(--share, 0) 0 0; }
      .in { --tone: var(--cl-go); }
      .near { --tone: var(--cl-wait); }
      .far { --tone: var(--cl-live); }
      .none { --tone: var(--cl-line-strong); }
      .stack i, .dot { background: var(--tone); }
      .dot { width: 9px; height: 9px; border-radius: 50%; flex: none; }
      .legend { display: grid; gap: 5px; }
      .legend div { display: flex; align-items: center; gap: 8px; }
      .legend dd { margin-left: auto; font-weight: 600; }
      .small { font-size: 12.5px; margin: 2px 0 10px; }
      section + section { margin-top: var(--cl-gap); }
      .figures { display: grid; grid-template-columns: repeat(3, minmax(0, 1fr)); gap: 6px; margin: 2px 0 12px; }
      .figures div { display: flex; flex-direction: column-reverse; }
      .figures dt { font-size: 12px; color: var(--cl-muted); }
      .figures dd { font-size: 18px; font-weight: 700; white-space: nowrap; }
      .figures .wide { color: var(--cl-wait); }
      .scale { position: relative; height: 22px; margin-bottom: 4px; }
      .scale .rail { position: absolute; inset: 9px 0 auto; height: 4px; border-radius: 2px; background: var(--cl-raised); box-shadow: inset 0 0 0 1px var(--cl-line); }
      .scale .fill { position: absolute; left: 0; top: 9px; height: 4px; border-radius: 2px; background: var(--cl-accent); width: var(--at); opacity: 0.55; }
      .scale .tick { position: absolute; top: 4px; width: 3px; height: 14px; border-radius: 2px; background: var(--cl-accent); left: var(--at); transform: translateX(-50%); }
      .ends { display: flex; justify-content: space-between; font-size: 12px; color: var(--cl-muted); margin-bottom: 12px; }
    `,
  ];

  declare presence: PresenceMessage | undefined;
  declare openings: OpeningsMessage | undefined;

  protected override render(): TemplateResult {
    return html`${this.#audience()} ${this.#spread()}`;
  }

  #audience(): TemplateResult {
    const p = this.presence;
    const viewers = p?.viewers ?? 0;
    const groups = [
      ["in", "In step", "within 100 ms", p?.in ?? 0],
      ["near", "Near", "within 1 s", p?.near ?? 0],
      ["far", "Far", "further away", p?.far ?? 0],
      ["none", "No video", "", Math.max(0, viewers - (p?.in ?? 0) - (p?.near ?? 0) - (p?.far ?? 0))],
    ] as const;
    return html`
      <section class="panel" aria-labelledby="audience">
        <h2 id="audience" class="label">Audience</h2>
        <div class="pair">
          <span class="big number" data-testid="viewers" data-value=${viewers}>${p === undefined ? "–" : count(viewers)}</span>
          <span class="muted">${viewers === 1 ? "viewer" : "viewers"} · <b class="number" data-testid="synced">${count(p?.synced ?? 0)}</b> with a synced clock</span>
        </div>
        <div class="stack" aria-hidden="true">${groups.map(
          ([look, , , n]) => html`<i class=${look} .style=${`--share:${n}`} ?hidden=${n === 0}></i>`,
        )}</div>
        <dl class="legend">${groups.map(
          ([look, name, meaning, n]) => html`
            <div><span class="dot ${look}"></span><dt>${name} <span class="muted">${meaning}</span></dt><dd class="number">${count(n)}</dd></div>`,
        )}</dl>
      </section>`;
  }

  #spread(): TemplateResult {
    const o = this.openings;
    return html`
      <section class="panel" aria-labelledby="spread">
        <h2 id="spread" class="label">Openings</h2>
        <p class="muted small">Distance from the instant set</p>
        ${o === undefined ? html`<p class="muted">Shown once a cue has opened.</p>` : this.#figures(o)}
      </section>`;
  }

  #figures(o: OpeningsMessage): TemplateResult {
    const end = Math.max(WIDE_US, o.max_us);
    const at = (us: number): string => `--at:${((us / end) * 100).toFixed(2)}%`;
    const figures = [
      ["half", "spread-p50", o.p50_us],
      ["95 %", "spread-p95", o.p95_us],
      ["all", "spread-max", o.max_us],
    ] as const;
    return html`
      <dl class="figures">${figures.map(
        ([name, id, us]) => html`
          <div><dt>${name} within</dt><dd class="number ${us > WIDE_US ? "wide" : ""}" data-testid=${id} data-value=${us}>${spread(us)}</dd></div>`,
      )}</dl>
      <div class="scale" aria-hidden="true">
        <div class="rail"></div><div class="fill" .style=${at(o.p95_us)}></div>
        ${figures.map(([, , us]) => html`<div class="tick" .style=${at(us)}></div>`)}
      </div>
      <div class="ends number" aria-hidden="true"><span>0</span><span>${spread(end)}</span></div>
      <dl class="legend">
        <div><dt>Reported</dt><dd class="number" data-testid="openings-reported">${count(o.reported)} <span class="muted">of ${count(o.expected)}</span></dd></div>
        <div><dt>First to last</dt><dd class="number">${spread(o.spread_us)}</dd></div>
        <div><dt>Joined inside the window</dt><dd class="number">${count(o.late)}</dd></div>
      </dl>`;
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "cl-audience": ClAudience;
  }
}
