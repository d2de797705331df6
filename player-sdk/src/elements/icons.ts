/**
 * Icons, drawn in the colour of the text around them.
 *
 * @module
 */
import { svg, type TemplateResult } from "lit";

const icon = (path: string): TemplateResult => svg`
  <svg viewBox="0 0 24 24" width="1.25em" height="1.25em" aria-hidden="true" fill="none"
       stroke="currentColor" stroke-width="2" stroke-linecap="round" stroke-linejoin="round">
    <path d=${path}></path>
  </svg>`;

export const iconSound = icon("M11 5 6 9H3v6h3l5 4zM15.5 8.5a5 5 0 0 1 0 7M18.5 5.5a9 9 0 0 1 0 13");
export const iconMuted = icon("M11 5 6 9H3v6h3l5 4zM22 9l-6 6M16 9l6 6");
export const iconPlay = icon("M7 4.5v15l12-7.5z");
export const iconFullscreen = icon("M8 3H3v5M16 3h5v5M8 21H3v-5M16 21h5v-5");
export const iconDetails = icon("M4 12h3l3-8 4 16 3-8h3");
export const iconCheck = icon("m5 12.5 4.5 4.5L19 7.5");
export const iconCross = icon("M6 6l12 12M18 6 6 18");
