import { css, html, LitElement, nothing, type SVGTemplateResult, svg, type TemplateResult } from "lit";
import type { Light, LightColour } from "../openings-view.ts";
import { base } from "../theme.ts";

const RADIUS = 9;
const ROUND = 2 * Math.PI * RADIUS;

/**
 * The light that says whether the windows are closed. Each colour has a shape of
 * its own: a ring, a ring that fills, a disc with a tick.
 */
export class ClLight extends LitElement {
  static override readonly properties = { light: { attribute: false } };
  static override readonly styles = [
    base,
    css`
      :host { display: inline-flex; position: relative; }
      p { display: inline-flex; align-items: center; gap: 9px; font-weight: 600; color: var(--tone); }
      [data-light="grey"] { --tone: var(--cl-muted); font-weight: 500; }
      [data-light="amber"] { --tone: var(--cl-wait); }
      [data-light="green"] { --tone: var(--cl-go); }
      .rail { stroke: var(--tone); opacity: 0.35; fill: none; }
      .arc { stroke: var(--tone); fill: none; transition: stroke-dashoffset 0.25s ease-out; }
      .disc { fill: var(--tone); }
      .tick { stroke: var(--cl-surface); fill: none; }
    `,
  ];

  declare light: Light | undefined;

  protected override render(): TemplateResult | typeof nothing {
    const { light } = this;
    if (light === undefined) return nothing;
    return html`
      <p data-testid="light" data-light=${light.colour}>
        <svg width="22" height="22" viewBox="0 0 24 24" aria-hidden="true" stroke-width="3" stroke-linecap="round" stroke-linejoin="round">${shape(light.colour, light.closed)}</svg>
        <span class="number">${light.words}</span>
      </p>
      <span class="hidden-text" role="status">${this.#news(light)}</span>`;
  }
  /** A screen reader is told of the colours, not of every window that closes. */
  #news(light: Light): string {
    if (light.colour === "grey") return "";
    return light.colour === "green" ? light.words : "Windows are closing";
  }
}

function shape(colour: LightColour, closed: number): SVGTemplateResult {
  if (colour === "green") {
    return svg`<circle class="disc" cx="12" cy="12" r="10.5" /><path class="tick" d="M7.5 12.4l3 3L16.6 9" />`;
  }
  const left = (ROUND * (1 - closed)).toFixed(2);
  const arc = svg`
    <circle class="arc" cx="12" cy="12" r=${RADIUS} transform="rotate(-90 12 12)" stroke-dasharray=${ROUND.toFixed(2)} stroke-dashoffset=${left} />`;
  return svg`<circle class="rail" cx="12" cy="12" r=${RADIUS} />${colour === "amber" ? arc : nothing}`;
}

declare global {
  interface HTMLElementTagNameMap {
    "cl-light": ClLight;
  }
}
