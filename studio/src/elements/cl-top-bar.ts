import type { Link } from "@cuelight/player/core";
import { css, html, LitElement, nothing, type TemplateResult } from "lit";
import type { ChannelInfo } from "../api.ts";
import { mark, signOutIcon, themeIcon } from "../icons.ts";
import { ChannelRequest, SignOutRequest } from "../requests.ts";
import { base, buttons, fields } from "../theme.ts";

/** Asks for the next colour scheme. */
export class ThemeRequest extends Event {
  static readonly type = "cl-theme-request";

  constructor() {
    super(ThemeRequest.type, { bubbles: true, composed: true });
  }
}

/**
 * Brand, channel, and how the line to the server is.
 *
 * @fires cl-channel-request - Work on another channel.
 * @fires cl-sign-out-request - End the session.
 * @fires cl-theme-request - Change between light and dark.
 */
export class ClTopBar extends LitElement {
  static override readonly properties = {
    channels: { attribute: false },
    channel: { type: String },
    heading: { type: String },
    link: { attribute: false },
    theme: { type: String },
  };
  static override readonly styles = [
    base,
    buttons,
    fields,
    css`
      header { display: flex; align-items: center; gap: 14px; height: 54px; padding: 0 16px; background: var(--cl-surface); border-bottom: 1px solid var(--cl-line); }
      .brand { display: flex; align-items: center; gap: 9px; font-weight: 700; font-size: 15px; }
      .brand span { color: var(--cl-muted); font-weight: 500; }
      h1 { font-size: 15px; font-weight: 600; min-width: 0; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; padding-left: 14px; border-left: 1px solid var(--cl-line); line-height: 26px; }
      select { width: auto; max-width: 260px; font-weight: 600; }
      .link { margin-left: auto; display: flex; align-items: center; gap: 8px; color: var(--cl-muted); font-size: 13px; min-width: 0; }
      .link i { width: 9px; height: 9px; border-radius: 50%; background: var(--cl-wait); flex: none; }
      .link[data-link="open"] i { background: var(--cl-go); }
      .link:is([data-link="waiting"], [data-link="refused"]) { color: var(--cl-wait); font-weight: 600; }
      .link[data-link="refused"] i { background: var(--cl-live); }
      .link[data-link="refused"] { color: var(--cl-live); }
      .tools { display: flex; }
      @media (max-width: 700px) {
        header { gap: 10px; padding: 0 10px; }
        .brand span, .brand b, .out { display: none; }
        h1 { border: 0; padding: 0; }
        .link[data-link="open"] span { display: none; }
        .link:not([data-link="open"]) {
          position: absolute; inset: 54px 0 auto; margin: 0; padding: 8px 12px;
          background: var(--cl-raised); border-bottom: 1px solid var(--cl-line);
        }
        .tools { margin-left: auto; }
        .link[data-link="open"] + .tools { margin-left: 0; }
      }
    `,
  ];

  declare channels: readonly ChannelInfo[];
  declare channel: string;
  /** The channel's title, or its name. */
  declare heading: string;
  declare link: Link;
  /** auto, dark or light. */
  declare theme: string;

  constructor() {
    super();
    this.channels = [];
    this.channel = "";
    this.heading = "";
    this.link = { is: "idle" };
    this.theme = "auto";
  }

  protected override render(): TemplateResult {
    return html`
      <header>
        <p class="brand">${mark(26)} <b>Cuelight</b> <span>Studio</span></p>
        ${this.channels.length > 1 ? this.#picker() : html`<h1>${this.heading}</h1>`}
        <p class="link" role="status" data-testid="link" data-link=${this.link.is}><i></i><span>${linkWords(this.link)}</span></p>
        <div class="tools">
          <button class="quiet icon" aria-label="Colours: ${this.theme}. Change" title="Colours: ${this.theme}"
            @click=${() => this.dispatchEvent(new ThemeRequest())}>${themeIcon}</button>
          <button class="quiet" data-testid="sign-out" title="Sign out" aria-label="Sign out" @click=${() => this.dispatchEvent(new SignOutRequest())}>
            ${signOutIcon}<span class="out">Sign out</span>
          </button>
        </div>
      </header>`;
  }

  #picker(): TemplateResult {
    return html`
      <h1 class="hidden-text">${this.heading}</h1>
      <select aria-label="Channel" data-testid="channel-picker" @change=${(e: Event) => this.#pick(e)}>
        ${this.channels.map(
          (c) =>
            html`<option value=${c.name} ?selected=${c.name === this.channel}>${c.title || c.name}${c.live ? " · live" : nothing}</option>`,
        )}
      </select>`;
  }

  #pick(event: Event): void {
    this.dispatchEvent(new ChannelRequest((event.target as HTMLSelectElement).value));
  }
}

/** The line to the server in words. */
function linkWords(link: Link): string {
  switch (link.is) {
    case "idle":
    case "connecting":
      return "Connecting…";
    case "open":
      return "Connected";
    case "waiting":
      return "Connection lost, coming back…";
    case "refused":
      return link.reason;
    default:
      return link satisfies never;
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "cl-top-bar": ClTopBar;
  }
  interface HTMLElementEventMap {
    "cl-theme-request": ThemeRequest;
  }
}
