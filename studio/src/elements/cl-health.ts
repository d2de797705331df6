import type { HealthMessage } from "@cuelight/player/core";
import { css, html, LitElement, type TemplateResult } from "lit";
import { bitrate, ppm, seconds } from "../format.ts";
import { fineIcon, warnIcon } from "../icons.ts";
import { base, panel } from "../theme.ts";

const timelineWords: Readonly<Record<string, string>> = {
  acquiring: "settling",
  locked: "locked",
  holdover: "holding over",
  lost: "lost",
};

/** The broadcast at a glance: what comes in, how steadily, and what to change at the encoder. */
export class ClHealth extends LitElement {
  static override readonly properties = { health: { attribute: false } };
  static override readonly styles = [
    base,
    panel,
    css`
      .facts { display: grid; gap: 7px; }
      .facts div { display: grid; grid-template-columns: 106px minmax(0, 1fr); gap: 8px; }
      dt { color: var(--cl-muted); }
      dd { font-weight: 550; overflow-wrap: anywhere; }
      .advice { margin-top: 12px; display: grid; gap: 6px; }
      .advice li {
        display: flex; gap: 8px; padding: 8px 10px; border-radius: var(--cl-radius-small);
        background: var(--cl-wait-soft); color: var(--cl-wait); font-weight: 550; line-height: 1.35;
      }
      .fine { display: flex; gap: 8px; align-items: center; margin-top: 12px; color: var(--cl-go); font-weight: 550; }
    `,
  ];

  declare health: HealthMessage | undefined;

  protected override render(): TemplateResult {
    const h = this.health;
    return html`
      <section class="panel" aria-labelledby="heading" data-testid="health">
        <div class="panel-head"><h2 id="heading" class="label">Broadcast</h2></div>
        ${h === undefined ? html`<p class="muted">Waiting for the first figures…</p>` : this.#figures(h)}
      </section>`;
  }

  #figures(h: HealthMessage): TemplateResult {
    if (!h.live) {
      return html`<p class="muted">No encoder is connected. The picture appears within seconds of a push.</p>${this.#advice(h)}`;
    }
    const facts: readonly (readonly [string, string])[] = [
      ["Protocol", h.protocol ?? "–"],
      ["Video", h.video ?? "none"],
      ["Audio", h.audio ?? "none"],
      ["Bitrate", h.bitrate > 0 ? bitrate(h.bitrate) : "–"],
      ["Key frames", h.gop_s > 0 ? `every ${seconds(h.gop_s)}` : "–"],
      ["Timeline", timelineWords[h.timeline] ?? h.timeline],
      ["Encoder clock", ppm(h.ppm)],
      ["Latency", seconds(h.latency_ms / 1000)],
    ];
    return html`
      <dl class="facts number">${facts.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
      ${this.#advice(h)}`;
  }

  #advice(h: HealthMessage): TemplateResult {
    if (h.advice.length === 0) {
      return h.live ? html`<p class="fine">${fineIcon} Nothing to change at the encoder</p>` : html``;
    }
    return html`<ul class="advice" aria-label="Advice">${h.advice.map((line) => html`<li>${warnIcon}<span>${line}</span></li>`)}</ul>`;
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "cl-health": ClHealth;
  }
}
