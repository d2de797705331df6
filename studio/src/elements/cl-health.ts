import type { HealthMessage } from "@cuelight/player/core";
import { css, html, LitElement, nothing, type TemplateResult } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { bitrate } from "../format.ts";
import {
  bitrateGraph,
  connectionLine,
  factGroups,
  GRAPH_SECONDS,
  keptTogether,
  ladderLine,
  renditionLine,
  type StreamState,
  streamState,
} from "../health-view.ts";
import { fineIcon, warnIcon } from "../icons.ts";
import { base, panel } from "../theme.ts";

const stateWords: Readonly<Record<StreamState, string>> = {
  live: "Receiving",
  stalled: "Stalled",
  offline: "No encoder",
};

const GRAPH_WIDTH = 140;
const GRAPH_HEIGHT = 40;

/** Below this the figures behind the headline begin folded. */
const WIDE = "(min-width: 1280px)";

/** The broadcast at a glance: what comes in, how steadily, and what to change at the encoder. */
export class ClHealth extends LitElement {
  static override readonly properties = { health: { attribute: false } };
  static override readonly styles = [
    base,
    panel,
    css`
      .state { display: inline-flex; align-items: center; gap: 7px; font-weight: 650; font-size: 13px; white-space: nowrap; color: var(--tone); }
      .state i { width: 10px; height: 10px; background: var(--tone); border-radius: 50%; }
      .state[data-state="live"] { --tone: var(--cl-go); }
      .state[data-state="stalled"] { --tone: var(--cl-wait); }
      .state[data-state="stalled"] i { border-radius: 2px; }
      .state[data-state="offline"] { --tone: var(--cl-muted); }
      .state[data-state="offline"] i { background: none; border: 2px solid var(--tone); }
      .by { color: var(--cl-muted); font-size: 12.5px; overflow-wrap: anywhere; }
      .tracks { margin-top: 6px; display: grid; gap: 3px; }
      .tracks div { display: grid; grid-template-columns: 50px minmax(0, 1fr); gap: 8px; }
      dt { color: var(--cl-muted); }
      dd { font-weight: 550; overflow-wrap: anywhere; }
      .rate { display: flex; align-items: end; justify-content: space-between; gap: 12px; margin-top: 12px; height: 44px; }
      .rate > div { flex: none; display: flex; flex-direction: column; justify-content: space-between; height: 100%; }
      .rate b { font-size: 20px; font-weight: 700; line-height: 1.1; white-space: nowrap; }
      .rate svg { width: 140px; flex: 0 1 140px; min-width: 0; height: 40px; overflow: visible; }
      .rate .floor { stroke: var(--cl-line); }
      .rate .area { fill: var(--cl-fill); opacity: 0.55; }
      .rate .line { fill: none; stroke: var(--cl-accent); stroke-width: 1.75; stroke-linejoin: round; stroke-linecap: round; }
      .idle .rate { opacity: 0.55; }
      .advice:not(:empty) { margin-top: 12px; }
      .advice ul { display: grid; gap: 6px; }
      .advice li {
        display: flex; gap: 8px; padding: 8px 10px; border-radius: var(--cl-radius-small);
        background: var(--cl-wait-soft); font-weight: 500; line-height: 1.4;
      }
      .advice li svg { color: var(--cl-wait); margin-top: 1px; }
      .fine { display: flex; gap: 8px; align-items: center; color: var(--cl-go); font-weight: 550; }
      details { margin-top: 10px; border-top: 1px solid var(--cl-line); }
      summary { cursor: pointer; padding: 9px 0 3px; color: var(--cl-muted); font-weight: 600; font-size: 13px; list-style-position: inside; }
      summary:hover { color: var(--cl-text); }
      h3 { margin: 10px 0 4px; font-size: 12.5px; font-weight: 650; }
      .facts { display: grid; gap: 3px; }
      .facts div { display: flex; justify-content: space-between; gap: 12px; }
      .facts dt { white-space: nowrap; }
      .facts dd { text-align: right; font-weight: 500; }
      .tag { margin-left: 6px; padding: 1px 6px; border-radius: 4px; background: var(--cl-raised); color: var(--cl-muted); font-size: 11px; font-weight: 600; white-space: nowrap; }
      .renditions div { flex-wrap: wrap; row-gap: 0; }
      .renditions dt { color: var(--cl-text); font-weight: 550; }
      .renditions dd { margin-left: auto; color: var(--cl-muted); font-weight: 450; white-space: nowrap; }
      .error { color: var(--cl-wait); margin-top: 3px; overflow-wrap: anywhere; }
      @media (pointer: coarse) { summary { padding: 13px 0 9px; } }
    `,
  ];

  declare health: HealthMessage | undefined;

  protected override render(): TemplateResult {
    const h = this.health;
    const state = h === undefined ? undefined : streamState(h);
    return html`
      <section class="panel ${state === "live" ? "" : "idle"}" aria-labelledby="heading" data-testid="health">
        <div class="panel-head">
          <h2 id="heading" class="label">Broadcast</h2>
          ${state === undefined ? nothing : html`<span class="state" data-testid="stream-state" data-state=${state}><i aria-hidden="true"></i>${stateWords[state]}</span>`}
        </div>
        ${h === undefined ? html`<p class="muted">Waiting for the first figures…</p>` : this.#glance(h)}
        <div class="advice" aria-live="polite" data-testid="advice">${h === undefined ? nothing : this.#advice(h)}</div>
        ${h === undefined || state === "offline" ? nothing : this.#details(h)}
      </section>`;
  }

  #glance(h: HealthMessage): TemplateResult {
    if (h.protocol === undefined) {
      return html`<p class="muted">No encoder is connected. The picture appears within seconds of a push.</p>${this.#ladder(h)}`;
    }
    return html`
      <p class="by">${connectionLine(h)}</p>
      <dl class="tracks number">
        <div><dt>Video</dt><dd>${h.video ?? "none"}</dd></div>
        <div><dt>Audio</dt><dd>${h.audio ?? "none"}</dd></div>
      </dl>
      <div class="rate"><div><span class="label">Bitrate</span><b class="number" data-testid="bitrate">${h.bitrate > 0 ? bitrate(h.bitrate) : "–"}</b></div>${this.#graph(h)}</div>`;
  }

  #graph(h: HealthMessage): TemplateResult {
    const graph = bitrateGraph(h.bitrates ?? [], GRAPH_WIDTH, GRAPH_HEIGHT);
    return html`
      <svg viewBox="0 0 ${GRAPH_WIDTH} ${GRAPH_HEIGHT}" preserveAspectRatio="none" role="img" data-testid="bitrate-graph"
        aria-label=${graph?.text ?? `Bitrate of the last ${GRAPH_SECONDS} seconds: not known yet`}>
        <path class="area" d=${graph?.area ?? ""} />
        <path class="floor" d="M0 ${GRAPH_HEIGHT}H${GRAPH_WIDTH}" vector-effect="non-scaling-stroke" />
        <path class="line" d=${graph?.line ?? ""} vector-effect="non-scaling-stroke" />
      </svg>`;
  }

  /** Told by a screen reader when it changes: a line that stays is the same element. */
  #advice(h: HealthMessage): TemplateResult | typeof nothing {
    if (h.advice.length > 0) {
      return html`<ul aria-label="Advice">${repeat(
        h.advice,
        (line) => line,
        (line) => html`<li>${warnIcon}<span>${keptTogether(line)}</span></li>`,
      )}</ul>`;
    }
    return h.live ? html`<p class="fine">${fineIcon} Nothing to change at the encoder</p>` : nothing;
  }

  #details(h: HealthMessage): TemplateResult {
    return html`
      <details ?open=${matchMedia(WIDE).matches}>
        <summary>Details</summary>
        ${factGroups(h).map(
          ({ title, facts }) => html`
            <h3>${title}</h3>
            <dl class="facts number">${facts.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`,
        )}
        ${this.#renditions(h)} ${this.#ladder(h)}
      </details>`;
  }

  #renditions(h: HealthMessage): TemplateResult | typeof nothing {
    if (h.renditions === undefined || h.renditions.length === 0) return nothing;
    return html`
      <h3>What viewers can choose</h3>
      <dl class="facts renditions number">${h.renditions.map((rendition) => {
        const { what, how } = renditionLine(rendition);
        return html`<div><dt>${what}${rendition.derived ? html`<span class="tag">made here</span>` : nothing}</dt><dd>${how}</dd></div>`;
      })}</dl>`;
  }

  #ladder(h: HealthMessage): TemplateResult | typeof nothing {
    const ladder = h.ladder;
    if (ladder === undefined) return nothing;
    return html`
      <h3>Transcoder</h3>
      <p class="number" data-testid="ladder">${ladderLine(ladder)}</p>
      ${ladder.error === undefined ? nothing : html`<p class="error">${ladder.error}</p>`}`;
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "cl-health": ClHealth;
  }
}
