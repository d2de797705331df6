/** The few pictures of the studio, drawn with the colour of the text. All are decoration: the words stand beside them. */
import { html, type TemplateResult } from "lit";

const stroke = (path: TemplateResult | string, size = 18): TemplateResult => html`
  <svg width=${size} height=${size} viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="1.9"
    stroke-linecap="round" stroke-linejoin="round" aria-hidden="true"><path d=${path} /></svg>`;

export const plusIcon = stroke("M12 5v14M5 12h14");
export const editIcon = stroke("M4 20h4L19 9a2.1 2.1 0 0 0-4-4L4 16zM13.5 6.5l4 4");
export const copyIcon = stroke("M9 9h10v11H9zM5 15V4h10");
export const trashIcon = stroke("M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13M10.5 11v5.5M13.5 11v5.5");
export const kickIcon = stroke("M10 4H5v16h5M15 8l4 4l-4 4M19 12h-9");
export const banIcon = stroke("M12 3.5a8.5 8.5 0 1 0 0 17a8.5 8.5 0 1 0 0-17zM6 6l12 12");
export const downloadIcon = stroke("M12 4v11M7.5 10.5L12 15l4.5-4.5M5 20h14");
export const backIcon = stroke("M14.5 6L8.5 12l6 6");
export const pastIcon = stroke("M4.5 12a7.5 7.5 0 1 0 2.4-5.5M4.5 4.5v3.2h3.2M12 8v4.2l2.8 1.6");
export const crossIcon = stroke("M6 6l12 12M18 6L6 18");
export const checkIcon = stroke("M5 12.5l4.5 4.5L19 7.5");
export const clockIcon = stroke("M12 3.5a8.5 8.5 0 1 0 0 17a8.5 8.5 0 1 0 0-17zM12 7.5V12l3 2", 15);
export const signOutIcon = stroke("M14 4h5v16h-5M10 8l-4 4l4 4M6 12h9");
export const themeIcon = stroke("M12 3.5a8.5 8.5 0 1 0 0 17zM12 3.5a8.5 8.5 0 0 1 0 17");
export const warnIcon = stroke("M12 4L2.8 20h18.4zM12 10v4.5M12 17.4v.1");
export const fineIcon = stroke("M12 3.5a8.5 8.5 0 1 0 0 17a8.5 8.5 0 1 0 0-17zM8 12.3l2.7 2.7L16 9.5");
export const playIcon = stroke("M8 5v14l11-7z");
export const soundIcon = stroke(
  "M4 9.5v5h3.5L12 18.5v-13L7.5 9.5zM15.5 9a4.2 4.2 0 0 1 0 6M18 6.5a8 8 0 0 1 0 11",
);
export const mutedIcon = stroke("M4 9.5v5h3.5L12 18.5v-13L7.5 9.5zM16 9.5l5 5M21 9.5l-5 5");

/** The mark of the product: a cue light with its two lamps. */
export const mark = (size: number): TemplateResult => html`
  <svg width=${size} height=${size} viewBox="0 0 32 32" aria-hidden="true">
    <rect x="7" y="2" width="18" height="28" rx="7" fill="#1b222c" stroke="#4a5666" stroke-width="1.5" />
    <circle cx="16" cy="10.5" r="4.6" fill="#ff5a52" />
    <circle cx="16" cy="21.5" r="4.6" fill="#35d07f" />
  </svg>`;
