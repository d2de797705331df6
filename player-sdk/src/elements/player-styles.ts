/**
 * The look of the player.
 *
 * @module
 */
import { css } from "lit";

/** Picture above, questions over its lower part; on narrow screens below it. */
export const playerStyles = css`
  :host {
    display: block;
    container-type: inline-size;
    background: var(--_surface);
  }

  :host([hidden]) {
    display: none;
  }

  .frame {
    position: relative;
    display: grid;
    grid-template: "picture" auto "bar" auto / minmax(0, 1fr);
  }

  .picture {
    grid-area: picture;
    position: relative;
    aspect-ratio: 16 / 9;
    background: #000;
    overflow: hidden;
  }

  video {
    display: block;
    width: 100%;
    height: 100%;
    object-fit: contain;
  }

  cuelight-overlay,
  cuelight-door {
    grid-area: overlay;
    margin: 10px;
  }

  :host(:not([barred])) cuelight-door,
  :host([barred]) .unmute {
    display: none;
  }

  cuelight-details {
    grid-area: details;
    margin: 10px;
  }

  .bar {
    grid-area: bar;
    display: flex;
    align-items: center;
    gap: 4px;
    min-height: 52px;
    padding-inline: 14px 6px;
    color: var(--_text);
  }

  @container (max-width: 639px) {
    :host(:not([asking])) cuelight-overlay {
      margin-block: 0;
    }

    cuelight-overlay,
    cuelight-door {
      --cuelight-shadow: none;
    }

    .frame {
      grid-template: "picture" auto "bar" auto "overlay" auto "details" auto / minmax(0, 1fr);
    }
  }

  @container (min-width: 640px) {
    cuelight-overlay {
      grid-area: picture;
      align-self: end;
      justify-self: center;
      width: min(100% - 32px, max(620px, 52cqi));
      max-height: calc(100% - 32px);
      margin: 16px;
      overflow: auto;
      border-radius: var(--_radius);
    }

    cuelight-door {
      grid-area: picture;
      place-self: center;
      width: min(100% - 32px, 460px);
      max-height: calc(100% - 32px);
      overflow: auto;
      border-radius: var(--_radius);
    }

    cuelight-overlay:not([data-slot="main"]) {
      align-self: start;
    }

    cuelight-details {
      grid-area: picture;
      place-self: start;
      width: 340px;
      max-height: calc(100% - 24px);
      margin: 12px;
      overflow: auto;
    }
  }

  .space {
    flex: 1;
  }

  button {
    cursor: pointer;
    touch-action: manipulation;
  }

  .bar button {
    display: grid;
    place-items: center;
    flex: none;
    width: 48px;
    height: 48px;
    border: 0;
    border-radius: 50%;
    background: none;
    color: var(--_muted);
  }

  .bar button:hover,
  .bar button[aria-pressed="true"] {
    background: var(--_raised);
    color: var(--_text);
  }

  .notice {
    position: absolute;
    inset: 0;
    display: grid;
    place-content: center;
    justify-items: center;
    gap: 16px;
    margin: 0;
    padding: 24px;
    background: rgb(0 0 0 / 55%);
    color: #fff;
    font-size: clamp(1rem, 2cqi, 1.4rem);
    font-weight: 550;
    text-align: center;
    animation: appear 300ms 500ms backwards;
  }

  .notice[hidden] {
    display: none;
  }

  .spinner {
    width: 32px;
    height: 32px;
    border: 3px solid rgb(255 255 255 / 30%);
    border-top-color: #fff;
    border-radius: 50%;
    animation: turn 1s linear infinite;
  }

  @keyframes turn {
    to {
      transform: rotate(1turn);
    }
  }

  @keyframes appear {
    from {
      opacity: 0;
    }
  }

  .unmute {
    position: absolute;
    inset: 12px 12px auto auto;
    display: flex;
    align-items: center;
    gap: 10px;
    min-height: 48px;
    padding: 0 18px 0 14px;
    border: 0;
    border-radius: 24px;
    background: rgb(0 0 0 / 78%);
    color: #fff;
    font-size: 1rem;
    font-weight: 600;
  }

  .play {
    display: none;
    position: absolute;
    inset: 0;
    place-items: center;
    border: 0;
    background: rgb(0 0 0 / 45%);
    color: #fff;
    font-size: 3.5rem;
  }

  :host([blocked]) .play {
    display: grid;
  }

  :host(:fullscreen) {
    display: grid;
    place-content: center stretch;
  }
`;
