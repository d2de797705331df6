import type { PresenceMessage } from "@cuelight/player/core";
import { css, html, LitElement, nothing, type TemplateResult } from "lit";
import { count } from "../format.ts";
import { warnIcon } from "../icons.ts";
import { base, panel, shares } from "../theme.ts";

/** Who is watching, and how well in step. */
export class ClAudience extends LitElement {
  static override readonly properties = { presence: { attribute: false } };
  static override readonly styles = [
    base,
    panel,
    shares,
    css`
      .big { font-size: 40px; font-weight: 750; line-height: 1.1; letter-spacing: -0.02em; }
      .pair { display: flex; align-items: baseline; gap: 8px; flex-wrap: wrap; }
      .stuck { display: flex; gap: 8px; align-items: center; margin-top: 10px; color: var(--cl-wait); font-weight: 550; }
    `,
  ];

  declare presence: PresenceMessage | undefined;

  protected override render(): TemplateResult {
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
        ${p === undefined || p.stuck === 0 ? nothing : stuck(p)}
      </section>`;
  }
}

const stuck = (p: PresenceMessage): TemplateResult => html`
  <p class="stuck" data-testid="stuck" data-value=${p.stuck}>${warnIcon}<span>${count(p.stuck)} ${p.stuck === 1 ? "has" : "have"} not held the target latency for 30 s.</span></p>`;

declare global {
  interface HTMLElementTagNameMap {
    "cl-audience": ClAudience;
  }
}
