/**
 * The look of the overlay.
 *
 * @module
 */
import { css } from "lit";

/** One card, its options, their bars. */
export const overlayStyles = css`
  :host {
    display: block;
    position: relative;
    container-type: inline-size;
    pointer-events: none;
  }

  .card {
    position: relative;
    overflow: hidden;
    padding: clamp(14px, 2.2cqi, 26px);
    border-radius: var(--_radius);
    border: 1px solid var(--_line);
    background: var(--_surface);
    box-shadow: var(--cuelight-shadow, 0 10px 40px rgb(0 0 0 / 35%));
    pointer-events: auto;
  }

  .card.ahead {
    position: absolute;
    inset: 0 0 auto;
    opacity: 0; /* not visibility: only opacity can change while the page is busy */
    pointer-events: none;
    will-change: opacity;
  }

  /* Over the picture the next card has its place already, so that nothing moves when it appears. */
  @container (min-width: 600px) {
    .card.ahead.alone {
      position: relative;
    }
  }

  .progress {
    position: absolute;
    inset: 0 0 auto;
    height: 5px;
    background: var(--_accent);
    transform-origin: left;
    transition: transform 100ms linear;
  }

  header {
    display: flex;
    align-items: flex-start;
    justify-content: space-between;
    gap: 16px;
  }

  h2 {
    margin: 0;
    font-size: clamp(1.15rem, 3cqi, 1.75rem);
    line-height: 1.25;
    font-weight: 650;
    letter-spacing: -0.01em;
    text-wrap: balance;
    overflow-wrap: anywhere;
  }

  .countdown {
    flex: none;
    font-variant-numeric: tabular-nums;
    font-size: clamp(1.15rem, 3cqi, 1.75rem);
    line-height: 1.25;
    font-weight: 700;
    color: var(--_accent);
  }

  .unit {
    font-weight: 500;
    font-size: 0.75em;
    color: var(--_muted);
  }

  .hurry .progress {
    background: var(--_wait);
  }

  .hurry .countdown {
    color: var(--_wait);
  }

  .halt,
  .behind {
    margin: 8px 0 0;
    color: var(--_wait);
    font-weight: 600;
  }

  .options {
    display: grid;
    gap: 8px;
    margin-top: 14px;
  }

  @container (min-width: 480px) {
    .options {
      grid-template-columns: 1fr 1fr;
      gap: 10px;
    }
  }

  @container (min-width: 640px) {
    .options.three {
      grid-template-columns: 1fr 1fr 1fr;
    }
  }

  .option {
    position: relative;
    display: flex;
    align-items: center;
    gap: 12px;
    min-height: 52px;
    padding: 8px 14px;
    overflow: hidden;
    border: 2px solid var(--_line);
    border-radius: calc(var(--_radius) - 4px);
    background: var(--_raised);
    font-size: clamp(1rem, 2.2cqi, 1.25rem);
    line-height: 1.25;
    font-weight: 550;
    text-align: start;
    cursor: pointer;
    touch-action: manipulation;
    -webkit-tap-highlight-color: transparent;
  }

  .option:not(:disabled):hover {
    border-color: var(--_accent);
  }

  .option:not(:disabled):active {
    background: var(--_fill);
  }

  .option:disabled {
    cursor: default;
  }

  .option > * {
    position: relative;
  }

  .option > .unseen {
    position: absolute;
  }

  .option > .bar {
    position: absolute;
    inset: 0;
    background: var(--_fill);
    transform-origin: left;
    transition: transform 400ms ease-out;
  }

  .key {
    display: grid;
    place-items: center;
    flex: none;
    width: 1.75em;
    height: 1.75em;
    border-radius: 50%;
    background: var(--_surface);
    border: 1px solid var(--_line);
    font-size: 0.85em;
    font-weight: 650;
    color: var(--_muted);
  }

  .label {
    flex: 1;
    min-width: 0;
    overflow-wrap: anywhere;
  }

  .share {
    flex: none;
    font-variant-numeric: tabular-nums;
    font-weight: 700;
  }

  .mine {
    border-color: var(--_accent);
  }

  .mine .key {
    background: var(--_accent);
    border-color: var(--_accent);
    color: var(--_on-accent);
  }

  .right {
    border-color: var(--_good);
  }

  .right > .bar {
    background: var(--_good-fill);
  }

  .right .key {
    background: var(--_good);
    border-color: var(--_good);
    color: var(--_surface);
  }

  .wrong {
    border-color: var(--_bad);
  }

  .wrong .key {
    background: var(--_bad);
    border-color: var(--_bad);
    color: var(--_surface);
  }

  footer {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    gap: 4px 16px;
    min-height: 1.5em;
    margin-top: 12px;
    font-size: clamp(0.95rem, 1.9cqi, 1.1rem);
    line-height: 1.5;
  }

  footer p {
    margin: 0;
  }

  .result {
    flex-basis: 100%;
    font-weight: 650;
  }

  .result.good {
    color: var(--_good);
  }

  .result.bad,
  .receipt.noted,
  .receipt.refused {
    color: var(--_bad);
  }

  .receipt {
    display: flex;
    align-items: center;
    gap: 8px;
    flex: 1;
    color: var(--_muted);
  }

  .receipt.counted {
    color: var(--_good);
    font-weight: 650;
    font-variant-numeric: tabular-nums;
  }

  .votes {
    color: var(--_muted);
    font-variant-numeric: tabular-nums;
  }

  .spinner {
    width: 1em;
    height: 1em;
    border: 2px solid var(--_line);
    border-top-color: var(--_accent);
    border-radius: 50%;
    animation: turn 0.9s linear infinite;
  }

  @keyframes turn {
    to {
      transform: rotate(1turn);
    }
  }

  @media (forced-colors: active) {
    .bar {
      background: Highlight;
      forced-color-adjust: none;
      opacity: 0.4;
    }
  }
`;
