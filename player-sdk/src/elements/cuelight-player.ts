import { html, LitElement, nothing, type PropertyValues, type TemplateResult } from "lit";
import {
  Connection,
  MAIN_SLOT,
  type Millis,
  millis,
  PlaylistRoom,
  type Role,
  type RoomLink,
  type Seconds,
  seconds,
  TRANSPORT_SETTINGS,
} from "../core/index.ts";
import { playlistUrl, socketUrl, storedAnswers, storedTokens, threadedLine } from "../player/index.ts";
import type { CuelightOverlay } from "./cuelight-overlay.ts";
import type { AnswerRequest, PinRequest } from "./events.ts";
import { iconDetails, iconFullscreen, iconMuted, iconPlay, iconSound } from "./icons.ts";
import { playerStyles } from "./player-styles.ts";
import { Session } from "./session.ts";
import { theme } from "./theme.ts";

/**
 * A channel: its picture, held to the room clock, its questions, and how both
 * stand. Keys: 1–8 answer, d shows details, m is sound, f fills the screen.
 *
 * @attr channel - Name of the channel. Without one nothing happens.
 * @attr server - Origin of the server; default: the page's own.
 * @attr token - A viewer's token: who the viewer is, and the way into a protected channel.
 * @attr muted - Starts without sound. Browsers often insist on it.
 * @attr latency - Overrides the channel's target latency, in ms.
 * @attr carriers - "playlist": no socket; cues come with the media, and nobody can answer.
 * @attr link - Code of a one-time link, by which the viewer comes in.
 * @attr transport - "socket" or "stream" (HTTP) takes only this way to the server; default "auto": the
 *   stream where sockets do not work.
 * @attr codec - "msgpack": messages in MessagePack, which is a little less to load and more to read; default "json".
 * @attr slots - Places on screen to show cues of, separated by spaces; default "main".
 * @csspart video - The `<video>`.
 * @csspart bar - The line of controls under it.
 */
export class CuelightPlayer extends LitElement {
  static override readonly properties = {
    channel: { type: String },
    server: { type: String },
    token: { type: String },
    muted: { type: Boolean },
    latency: { type: Number },
    carriers: { type: String },
    link: { type: String },
    transport: { type: String },
    codec: { type: String },
    slots: { type: String },
    connection: { attribute: false },
    detailed: { state: true },
    silent: { state: true },
    notice: { state: true },
    hopeless: { state: true },
  };
  static override readonly styles = [theme, playerStyles];

  declare channel: string;
  declare server: string;
  declare token: string;
  declare muted: boolean;
  declare latency: number | undefined;
  declare carriers: string;
  declare link: string;
  declare transport: string;
  declare codec: string;
  declare slots: string;
  /** A connection that somebody else runs; without one the player makes and runs its own. */
  declare connection: RoomLink | undefined;
  declare private detailed: boolean;
  declare private silent: boolean;
  declare private notice: string;
  /** The picture will not come by waiting. */
  declare private hopeless: boolean;
  #session: Session | undefined;
  #own: RoomLink | undefined;
  #lifetime: AbortController | undefined;

  constructor() {
    super();
    this.channel = "";
    this.server = "";
    this.token = "";
    this.muted = false;
    this.carriers = "";
    this.link = "";
    this.transport = "";
    this.codec = "";
    this.slots = MAIN_SLOT;
    this.detailed = false;
    this.silent = false;
    this.notice = "";
    this.hopeless = false;
  }

  /** What runs behind the element; undefined while there is no channel. For rigs and debugging. */
  get session(): Session | undefined {
    return this.#session;
  }

  /** The connection in use, whosever it is. */
  get activeConnection(): RoomLink | undefined {
    return this.connection ?? this.#own;
  }

  get #video(): HTMLVideoElement | null {
    return this.renderRoot.querySelector("video");
  }

  get #overlays(): readonly CuelightOverlay[] {
    return [...this.renderRoot.querySelectorAll("cuelight-overlay")];
  }

  override connectedCallback(): void {
    super.connectedCallback();
    if (this.hasUpdated) this.#start();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#stop();
  }

  protected override updated(changed: PropertyValues<this>): void {
    const inputs = [
      ...(["channel", "server", "token", "latency", "carriers"] as const),
      ...(["link", "transport", "codec", "connection"] as const),
    ];
    if (inputs.some((name) => changed.has(name))) this.#start();
  }

  #start(): void {
    this.#stop();
    const video = this.#video;
    if (video === null || this.channel === "" || !this.isConnected) return;
    const lifetime = new AbortController();
    const { signal } = lifetime;
    this.#lifetime = lifetime;
    video.muted = this.muted;
    this.silent = this.muted;
    const connection = this.connection ?? this.#connect(signal);
    this.#session = new Session({
      connection,
      video,
      url: playlistUrl(this.#server, this.channel, this.token),
      admitted: () => {
        const { token } = connection;
        return token === undefined ? undefined : playlistUrl(this.#server, this.channel, token);
      },
      latency: this.#latency,
      changed: () => this.#show(),
      driven: (cue) => this.#overlays.some((overlay) => overlay.drives(cue)),
      opened: (opening) => this.dispatchEvent(new CustomEvent("cuelight-opened", { detail: opening })),
    });
    this.#session.run({ signal }).catch((cause: unknown) => reportError(cause));
    window.addEventListener("keydown", (event) => this.#key(event), { signal });
  }

  #stop(): void {
    this.#lifetime?.abort();
    this.#lifetime = undefined;
    this.#session = undefined;
    this.#own = undefined;
  }

  get #server(): string {
    return this.server === "" ? location.origin : this.server;
  }

  /** A latency that is no number of milliseconds is as good as none. */
  get #latency(): Millis | undefined {
    return this.latency !== undefined && this.latency > 0 ? millis(this.latency) : undefined;
  }

  #connect(signal: AbortSignal): RoomLink {
    const own = this.carriers === "playlist" ? this.#playlistRoom() : this.#socket();
    this.#own = own;
    own.run({ signal }).catch((cause: unknown) => reportError(cause));
    return own;
  }

  #playlistRoom(): RoomLink {
    return new PlaylistRoom({ channel: this.channel, server: this.#server });
  }

  #socket(): RoomLink {
    const tokens = storedTokens();
    if (this.token !== "") tokens.write(this.channel, this.token);
    const target = {
      url: socketUrl(this.#server),
      channel: this.channel,
      role: "viewer" satisfies Role,
      transport: TRANSPORT_SETTINGS.find((setting) => setting === this.transport) ?? "auto",
      codec: this.codec === "msgpack" ? "msgpack" : "json",
    } as const;
    const { link } = this;
    return new Connection({
      ...target,
      ...{ tokens, link, kept: storedAnswers(), line: threadedLine(target) },
    });
  }

  /** Hands the views down at once, so that what opens is visible in the frame that is being prepared. */
  #show(): void {
    const session = this.#session;
    if (session === undefined) return;
    const { door } = session;
    for (const overlay of this.#overlays) {
      const slot = overlay.dataset["slot"];
      overlay.view = door === undefined ? session.view(slot) : undefined;
      overlay.next = door === undefined ? session.next(slot) : undefined;
    }
    this.toggleAttribute(
      "asking",
      this.#overlays.some((overlay) => overlay.view !== undefined),
    );
    this.#set("cuelight-door", { view: door });
    this.toggleAttribute("barred", door !== undefined);
    this.#set("cuelight-status", { view: session.status });
    if (this.detailed) this.#set("cuelight-details", { details: session.details });
    this.silent = this.#video?.muted === true;
    this.notice = door === undefined ? session.notice : "";
    this.hopeless = ["failed", "ended"].includes(session.player.view.phase);
    this.toggleAttribute("blocked", session.player.view.phase === "paused");
  }

  #set<T extends keyof HTMLElementTagNameMap>(tag: T, values: Partial<HTMLElementTagNameMap[T]>): void {
    const element = this.renderRoot.querySelector(tag);
    if (element !== null) Object.assign(element, values);
  }

  #key(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || isTyping(event)) return;
    const digit = Number(event.key);
    if (digit >= 1 && digit <= 8)
      this.#overlays.find((o) => o.view !== undefined)?.choose(digit - 1, event.timeStamp);
    else if (event.key === "d") this.#toggleDetails();
    else if (event.key === "m") this.#toggleSound();
    else if (event.key === "f") this.#toggleFullscreen();
  }

  #answer(event: AnswerRequest): void {
    this.#session?.answer(event.cue, event.option, event.at);
    this.#show();
  }

  #toggleDetails(): void {
    this.detailed = !this.detailed;
    void this.updateComplete.then(() => this.#show());
  }

  #toggleSound(): void {
    const video = this.#video;
    if (video === null) return;
    video.muted = !video.muted;
    this.silent = video.muted;
    if (video.paused) this.#session?.player.resume();
  }

  #toggleFullscreen(): void {
    const change = document.fullscreenElement === null ? this.requestFullscreen() : document.exitFullscreen();
    change.catch(() => undefined); // refused by browser or user: everything stays as it is
  }

  /** P of the frame at `mediaTime` of the `<video>`, as {@link Session.player} says. */
  frameInstant(mediaTime: number): number | undefined {
    return this.#session?.player.frameInstant(seconds(mediaTime) satisfies Seconds);
  }

  protected override render(): TemplateResult {
    return html`
      <div class="frame">
        <div class="picture">
          <video part="video" playsinline data-testid="video"></video>
          <button class="play" type="button" aria-label="Play" @click=${() => this.#session?.player.resume()}>
            ${iconPlay}
          </button>
          <p class="notice" aria-live="polite" ?hidden=${this.notice === ""} data-testid="notice">
            <span class="spinner" aria-hidden="true" ?hidden=${this.hopeless}></span>${this.notice}
          </p>
          ${this.silent && this.notice === "" ? this.#unmute() : nothing}
        </div>
        ${this.#slotNames.map(
          (slot) => html`
            <cuelight-overlay
              data-slot=${slot}
              @cuelight-answer-request=${(event: AnswerRequest) => this.#answer(event)}
            ></cuelight-overlay>`,
        )}
        <cuelight-door @cuelight-pin-request=${(event: PinRequest) => this.#session?.enter(event.pin)}></cuelight-door>
        ${this.#bar()}
        <cuelight-details ?hidden=${!this.detailed}></cuelight-details>
      </div>`;
  }

  get #slotNames(): readonly string[] {
    const names = new Set(this.slots.split(/\s+/).filter((name) => /^[a-z0-9-]{1,32}$/.test(name)));
    return names.size === 0 ? [MAIN_SLOT] : [...names];
  }

  #unmute(): TemplateResult {
    return html`
      <button class="unmute" type="button" data-testid="unmute" @click=${() => this.#toggleSound()}>
        ${iconMuted}<span>Tap for sound</span>
      </button>`;
  }

  #bar(): TemplateResult {
    const sound = this.silent ? "Sound on" : "Sound off";
    return html`
      <div part="bar" class="bar">
        <cuelight-status></cuelight-status>
        <span class="space"></span>
        <button type="button" aria-label=${sound} title="${sound} (m)" @click=${() => this.#toggleSound()}>
          ${this.silent ? iconMuted : iconSound}
        </button>
        <button
          type="button"
          aria-label="Details"
          title="Details (d)"
          aria-pressed=${this.detailed}
          data-testid="toggle-details"
          @click=${() => this.#toggleDetails()}
        >${iconDetails}</button>
        <button type="button" aria-label="Full screen" title="Full screen (f)" @click=${() => this.#toggleFullscreen()}>
          ${iconFullscreen}
        </button>
      </div>`;
  }
}

/** Keys belong to whatever takes text. */
const isTyping = (event: KeyboardEvent): boolean =>
  event
    .composedPath()
    .some(
      (target) =>
        target instanceof HTMLElement &&
        (target.isContentEditable || target.matches("input, textarea, select")),
    );

declare global {
  interface HTMLElementTagNameMap {
    "cuelight-player": CuelightPlayer;
  }
}
