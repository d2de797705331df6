/** Styles that every element of the studio shares. Colours come from the page as `--cl-…` properties. */
import { css } from "lit";

/** Box model, hidden state, focus ring and headings. */
export const base = css`
  *, *::before, *::after { box-sizing: border-box; }
  :host { display: block; }
  :host([hidden]), [hidden] { display: none !important; }
  h1, h2, h3, p, ul, ol, dl, dd, fieldset { margin: 0; padding: 0; }
  ul, ol { list-style: none; }
  fieldset { border: 0; min-width: 0; }
  :focus-visible { outline: 2px solid var(--cl-accent); outline-offset: 2px; border-radius: var(--cl-radius-small); }
  svg { display: block; flex: none; }
  .hidden-text {
    position: absolute; width: 1px; height: 1px; margin: -1px; overflow: hidden;
    clip-path: inset(50%); white-space: nowrap;
  }
  .muted { color: var(--cl-muted); }
  .number { font-variant-numeric: tabular-nums; }
  .label {
    white-space: nowrap; font-size: 11px; font-weight: 650; letter-spacing: 0.07em; text-transform: uppercase; color: var(--cl-muted);
  }
  @media (prefers-reduced-motion: reduce) {
    *, *::before, *::after { animation: none !important; transition: none !important; }
  }
`;

/** A panel of the console. */
export const panel = css`
  .panel {
    background: var(--cl-surface); border: 1px solid var(--cl-line); border-radius: var(--cl-radius);
    padding: 14px 16px;
  }
  .panel-head { display: flex; align-items: center; gap: 10px; min-height: 28px; margin-bottom: 10px; }
  .panel-head > :first-child { flex: 1; }
`;

/** Buttons, with their key beside the word. */
export const buttons = css`
  button {
    font: inherit; font-weight: 600; color: inherit; cursor: pointer;
    display: inline-flex; align-items: center; justify-content: center; gap: 8px;
    min-height: 38px; padding: 6px 14px; border-radius: var(--cl-radius-small);
    background: var(--cl-raised); border: 1px solid var(--cl-line); white-space: nowrap;
    transition: background-color 0.12s, border-color 0.12s, opacity 0.12s;
  }
  button:hover:not(:disabled) { background: var(--cl-hover); border-color: var(--cl-line-strong); }
  button:disabled { cursor: not-allowed; opacity: 0.45; }
  button[aria-busy="true"] { opacity: 1; cursor: progress; }
  button.primary { background: var(--cl-accent); border-color: transparent; color: var(--cl-on-accent); }
  button.primary:hover:not(:disabled) { background: color-mix(in oklab, var(--cl-accent) 88%, var(--cl-text)); }
  button.danger { color: var(--cl-live); }
  button.danger:hover:not(:disabled) { background: var(--cl-live-soft); border-color: var(--cl-live); }
  button.quiet { background: none; border-color: transparent; font-weight: 500; }
  button.icon { padding: 0; width: 34px; min-height: 34px; color: var(--cl-muted); }
  button.icon:hover:not(:disabled) { color: var(--cl-text); }
  kbd {
    font: 600 11px / 1 var(--cl-font); padding: 3px 5px; min-width: 18px; text-align: center;
    border: 1px solid currentColor; border-radius: 4px; opacity: 0.6;
  }
  @media (pointer: coarse) {
    button { min-height: 44px; }
    button.icon { width: 44px; min-height: 44px; }
    kbd { display: none; }
  }
`;

/** The state of a cue as a small coloured lamp with its name. */
export const chips = css`
  .chip {
    --tone: var(--cl-muted); --soft: var(--cl-raised);
    display: inline-flex; align-items: center; gap: 6px; height: 22px; padding: 0 9px 0 8px; border-radius: 11px;
    font-size: 12px; font-weight: 650; color: var(--tone); background: var(--soft); white-space: nowrap;
  }
  .chip::before { content: ""; width: 7px; height: 7px; border-radius: 50%; background: currentColor; }
  .chip[data-state="draft"]::before { background: none; border: 1.5px solid currentColor; }
  .chip:is([data-state="scheduled"], [data-state="armed"], [data-state="keyed"], [data-state="paused"], [data-state="closing"]) {
    --tone: var(--cl-wait); --soft: var(--cl-wait-soft);
  }
  .chip[data-state="paused"]::before { border-radius: 1px; background: none; border: solid currentColor; border-width: 0 2px; }
  .chip[data-state="open"] { --tone: var(--cl-go); --soft: var(--cl-go-soft); }
  .chip[data-state="closed"] { --tone: var(--cl-accent); --soft: var(--cl-accent-soft); }
  .chip[data-state="revealed"] { --tone: var(--cl-violet); --soft: var(--cl-violet-soft); }
  .chip[data-state="void"] { --tone: var(--cl-live); --soft: var(--cl-live-soft); }
`;

/** Text fields and what is wrong with them. */
export const fields = css`
  input:is([type="text"], [type="number"], [type="password"], [type="time"]), textarea, select {
    font: inherit; color: inherit; width: 100%; min-height: 38px; padding: 7px 10px;
    background: var(--cl-raised); border: 1px solid var(--cl-line-strong); border-radius: var(--cl-radius-small);
  }
  textarea { resize: vertical; }
  input::placeholder, textarea::placeholder { color: var(--cl-muted); opacity: 0.85; }
  [aria-invalid="true"] { border-color: var(--cl-live) !important; }
  .problem { color: var(--cl-live); font-size: 13px; margin-top: 4px; }
  @media (pointer: coarse) {
    input:is([type="text"], [type="number"], [type="password"], [type="time"]), textarea, select { font-size: 16px; min-height: 44px; }
  }
`;

/** Two or three buttons in one frame of which one is pressed. */
export const segments = css`
  .segments { display: inline-flex; border: 1px solid var(--cl-line-strong); border-radius: var(--cl-radius-small); overflow: hidden; }
  .segments button { border: 0; border-radius: 0; background: none; min-height: 34px; font-weight: 550; font-size: 13px; }
  .segments button + button { border-left: 1px solid var(--cl-line-strong); }
  .segments button[aria-pressed="true"] { background: var(--cl-accent-soft); color: var(--cl-accent); font-weight: 650; }
  .segments button:focus-visible { outline-offset: -3px; }
  @media (pointer: coarse) { .segments button { min-height: 44px; } }
`;

/** What the server refused, beside the buttons. */
export const complaints = css`
  .complaint {
    margin-top: 10px; padding: 8px 12px; border-radius: var(--cl-radius-small);
    background: var(--cl-live-soft); color: var(--cl-live); font-weight: 550;
  }
`;

/** Viewers by class, as a bar and a legend. */
export const shares = css`
  .stack { display: flex; height: 12px; border-radius: 6px; overflow: hidden; background: var(--cl-raised); margin: 12px 0 10px; gap: 2px; }
  h3 + .stack { margin-top: 0; height: 8px; margin-bottom: 6px; }
  .stack i { flex: var(--share, 0) 0 0; }
  .in { --tone: var(--cl-go); }
  .near { --tone: var(--cl-wait); }
  .far { --tone: var(--cl-live); }
  .none { --tone: var(--cl-line-strong); }
  .stack i, .dot { background: var(--tone); }
  .dot { width: 9px; height: 9px; border-radius: 50%; flex: none; }
  .legend { display: grid; gap: 5px; }
  .legend div { display: flex; align-items: center; gap: 8px; }
  .legend dd { margin-left: auto; font-weight: 600; white-space: nowrap; }
  .inline { display: flex; flex-wrap: wrap; gap: 2px 12px; font-size: 12.5px; }
  .inline li { display: inline-flex; align-items: center; gap: 6px; }
`;
