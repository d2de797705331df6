import type { Connection, Millis } from "@cuelight/player/core";
import type { LivePlayer, PlayerView } from "@cuelight/player/player";
import { css, html, LitElement, type PropertyValues, type TemplateResult } from "lit";
import { mutedIcon, playIcon, soundIcon } from "../icons.ts";
import { base, buttons } from "../theme.ts";

/** How far behind the camera the preview is: as near as parts can be held, whatever viewers are held to. */
const PREVIEW_LATENCY_MS = 1200 as Millis;

/**
 * The channel's picture with the least delay, muted until asked for sound. It
 * rides on the studio's own connection, so the producer counts as no viewer and
 * answers nothing by accident.
 *
 * @csspart video - The `<video>`.
 */
export class ClPreview extends LitElement {
  static override readonly properties = {
    connection: { attribute: false },
    view: { state: true },
    silent: { state: true },
  };
  static override readonly styles = [
    base,
    buttons,
    css`
      :host { position: relative; aspect-ratio: 16 / 9; background: #05070a; color: #e8edf4; overflow: hidden; }
      video { display: block; width: 100%; height: 100%; object-fit: contain; }
      .message {
        position: absolute; inset: 0; display: grid; place-items: center; padding: 16px; text-align: center;
        background: rgb(5 7 10 / 70%); color: #b5c0ce; text-wrap: balance;
      }
      .tools { position: absolute; right: 8px; bottom: 8px; display: flex; gap: 6px; }
      .tools button { background: rgb(5 7 10 / 72%); border-color: rgb(255 255 255 / 22%); color: #e8edf4; }
      .tools button:hover:not(:disabled) { background: rgb(5 7 10 / 92%); color: #fff; }
    `,
  ];

  /** The studio's connection to the channel. */
  declare connection: Connection | undefined;
  declare protected view: PlayerView | undefined;
  declare protected silent: boolean;
  #player: LivePlayer | undefined;
  #lifetime = new AbortController();

  constructor() {
    super();
    this.silent = true;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    if (this.hasUpdated) this.#start();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#lifetime.abort();
  }

  /** Instant P of the picture that it shows, in µs on R; undefined while it shows none. */
  get shownInstant(): number | undefined {
    return this.view?.phase === "playing" || this.view?.phase === "paused" || this.view?.phase === "stalled"
      ? this.#player?.shownInstant
      : undefined;
  }

  protected override updated(changed: PropertyValues<this>): void {
    if (changed.has("connection")) this.#start();
  }

  #start(): void {
    this.#lifetime.abort();
    this.#player = undefined;
    this.view = undefined;
    const { connection } = this;
    if (connection === undefined) return;
    this.#lifetime = new AbortController();
    this.#play(connection, this.#lifetime.signal).catch((cause: unknown) => reportError(cause));
  }

  /** The player is by far the largest part of the studio: it is loaded once there is something to play. */
  async #play(connection: Connection, signal: AbortSignal): Promise<void> {
    const { LivePlayer, playlistUrl } = await import("@cuelight/player/player");
    if (signal.aborted) return;
    const video = this.#video;
    video.muted = this.silent;
    const player = new LivePlayer({
      video,
      connection,
      url: playlistUrl(location.origin, connection.channel),
      latency: PREVIEW_LATENCY_MS,
      changed: () => {
        this.view = player.view;
        this.silent = video.muted;
      },
    });
    this.#player = player;
    await player.run({ signal });
  }

  protected override render(): TemplateResult {
    const phase = this.view?.phase ?? "loading";
    const message = this.view?.message || (phase === "playing" ? "" : phaseWords[phase]);
    return html`
      <video part="video" playsinline aria-label="Preview" data-testid="preview" data-phase=${phase}></video>
      <p class="message" role="status" ?hidden=${message === ""}>${message}</p>
      <div class="tools">
        <button class="icon" ?hidden=${phase !== "paused"} aria-label="Play the preview" title="Play" @click=${() => this.#player?.resume()}>${playIcon}</button>
        <button class="icon" ?hidden=${phase !== "playing"} aria-label=${this.silent ? "Preview: sound on" : "Preview: sound off"}
          title=${this.silent ? "Sound on" : "Sound off"} @click=${() => this.#toggleSound()}>${this.silent ? mutedIcon : soundIcon}</button>
      </div>`;
  }

  #toggleSound(): void {
    this.silent = !this.silent;
    this.#video.muted = this.silent;
  }

  get #video(): HTMLVideoElement {
    return this.renderRoot.querySelector("video") as HTMLVideoElement;
  }
}

const phaseWords: Readonly<Record<PlayerView["phase"], string>> = {
  idle: "",
  waiting: "No picture yet.",
  loading: "Loading the picture…",
  playing: "",
  stalled: "Waiting for the picture…",
  paused: "Paused.",
  ended: "The event has ended.",
  failed: "The preview cannot be played.",
};

declare global {
  interface HTMLElementTagNameMap {
    "cl-preview": ClPreview;
  }
}
