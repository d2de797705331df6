/**
 * Colours and shapes shared by the elements. Every one can be set from outside
 * by the custom property of the same name without the underscore.
 *
 * @module
 */
import { css } from "lit";

/** Tokens: light, and dark where the system asks for it. */
export const theme = css`
  :host {
    color-scheme: light dark;
    --_surface: var(--cuelight-surface, #ffffff);
    --_raised: var(--cuelight-raised, #f1f4f7);
    --_line: var(--cuelight-line, #c9d1da);
    --_text: var(--cuelight-text, #10161d);
    --_muted: var(--cuelight-muted, #4a5663);
    --_accent: var(--cuelight-accent, #1f5fd6);
    --_on-accent: var(--cuelight-on-accent, #ffffff);
    --_fill: var(--cuelight-fill, #d5e2fa);
    --_good: var(--cuelight-good, #0d7a43);
    --_good-fill: var(--cuelight-good-fill, #cdeedb);
    --_wait: var(--cuelight-wait, #9a5b00);
    --_bad: var(--cuelight-bad, #b3261e);
    --_radius: var(--cuelight-radius, 14px);
    --_font: var(--cuelight-font, system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif);
    font-family: var(--_font);
    color: var(--_text);
  }

  @media (prefers-color-scheme: dark) {
    :host {
      --_surface: var(--cuelight-surface, #151a21);
      --_raised: var(--cuelight-raised, #212934);
      --_line: var(--cuelight-line, #3c4856);
      --_text: var(--cuelight-text, #f3f6f9);
      --_muted: var(--cuelight-muted, #aab6c3);
      --_accent: var(--cuelight-accent, #8ab4ff);
      --_on-accent: var(--cuelight-on-accent, #0b1626);
      --_fill: var(--cuelight-fill, #26406b);
      --_good: var(--cuelight-good, #5fd394);
      --_good-fill: var(--cuelight-good-fill, #1a4a31);
      --_wait: var(--cuelight-wait, #f2b84b);
      --_bad: var(--cuelight-bad, #ff8f86);
    }
  }

  *,
  *::before,
  *::after {
    box-sizing: border-box;
  }

  button {
    font: inherit;
    color: inherit;
  }

  :focus-visible {
    outline: 3px solid var(--_accent);
    outline-offset: 2px;
  }

  .unseen {
    position: absolute;
    width: 1px;
    height: 1px;
    overflow: hidden;
    clip-path: inset(50%);
    white-space: nowrap;
  }

  @media (prefers-reduced-motion: reduce) {
    *,
    *::before,
    *::after {
      animation: none !important;
      transition: none !important;
    }
  }
`;
