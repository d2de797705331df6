import { css, html, LitElement, type TemplateResult } from "lit";
import { Api } from "../api.ts";
import { nextTheme, rememberedTheme, showTheme, type Theme } from "../colour-scheme.ts";
import { keepFile } from "../download.ts";
import { Keepsake } from "../keepsake.ts";
import type {
  ActionRequest,
  ChannelRequest,
  DeleteRequest,
  DismissRequest,
  LatencyRequest,
  LinksRequest,
  LookRequest,
  RecordingRequest,
  RemovalRequest,
  SaveRequest,
  SelectRequest,
  ShowsRequest,
  SignInRequest,
  UnbanRequest,
} from "../requests.ts";
import type { ExportFormat } from "../shows.ts";
import { fileName } from "../shows-view.ts";
import { takeToken, tokenIn } from "../sign-in-link.ts";
import { Studio } from "../studio.ts";
import { base } from "../theme.ts";
import type { ClConsole } from "./cl-console.ts";

/** The studio: sign-in page or console, and the one place where requests of elements become commands. */
export class ClStudio extends LitElement {
  static override readonly properties = { theme: { state: true } };
  static override readonly styles = [
    base,
    css`
      .wait { min-height: 100dvh; display: grid; place-items: center; color: var(--cl-muted); }
    `,
  ];

  declare protected theme: Theme;
  #studio = this.#open();
  #gone = new AbortController();

  constructor() {
    super();
    this.theme = rememberedTheme();
    showTheme(this.theme);
    this.addEventListener("cl-sign-in-request", (e: SignInRequest) => void this.#studio.signIn(e.token));
    this.addEventListener("cl-sign-out-request", () => void this.#studio.signOut());
    this.addEventListener("cl-channel-request", (e: ChannelRequest) => this.#studio.enter(e.channel));
    this.addEventListener("cl-select-request", (e: SelectRequest) => this.#studio.select(e.cue));
    this.addEventListener(
      "cl-action-request",
      (e: ActionRequest) => void this.#studio.act(e.cue, e.action, e.body),
    );
    this.addEventListener("cl-look-request", (e: LookRequest) => this.#studio.look(e.cue));
    this.addEventListener(
      "cl-latency-request",
      (e: LatencyRequest) => void this.#studio.setLatency(e.latencyMs),
    );
    this.addEventListener("cl-end-request", () => void this.#studio.endEvent());
    this.addEventListener("cl-recording-request", (e: RecordingRequest) => void this.#recording(e));
    this.addEventListener("cl-removal-request", (e: RemovalRequest) => void this.#removal(e));
    this.addEventListener("cl-unban-request", (e: UnbanRequest) => void this.#studio.unban(e.participant));
    this.addEventListener("cl-bans-request", () => void this.#studio.readBans());
    this.addEventListener(
      "cl-links-request",
      (e: LinksRequest) => void this.#studio.makeLinks(e.count, e.forS),
    );
    this.addEventListener("cl-shows-request", (e: ShowsRequest) => void this.#shows(e));
    this.addEventListener("cl-save-request", (e: SaveRequest) => void this.#save(e));
    this.addEventListener("cl-delete-request", (e: DeleteRequest) => void this.#studio.remove(e.cue));
    this.addEventListener("cl-dismiss-request", (e: DismissRequest) => this.#studio.dismiss(e.notice));
    this.addEventListener("cl-theme-request", () => this.#changeTheme());
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.#gone = new AbortController();
    const { signal } = this.#gone;
    this.#studio.store.subscribe(() => this.requestUpdate(), { signal });
    const wake = (): void => {
      if (document.visibilityState === "visible") this.#studio.wake();
    };
    document.addEventListener("visibilitychange", wake, { signal });
    window.addEventListener("online", wake, { signal });
    window.addEventListener("hashchange", () => this.#linkPasted(), { signal });
    void this.#studio.run(takeToken(location, history), signal);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#gone.abort();
    this.#studio = this.#open();
  }

  protected override render(): TemplateResult {
    const state = this.#studio.store.getState();
    return html`${this.#page()}<cl-notices .notices=${state.notices}></cl-notices>`;
  }

  #page(): TemplateResult {
    const state = this.#studio.store.getState();
    switch (state.phase) {
      case "unknown":
        return html`<p class="wait" role="status">${state.signingIn ? "Signing in…" : "Opening the studio…"}</p>`;
      case "signed-out":
        return html`<cl-sign-in .message=${state.signInMessage} .busy=${state.signingIn}></cl-sign-in>`;
      case "signed-in":
        return html`<cl-console .state=${state} .now=${this.#studio.now} .connection=${this.#studio.connection} .theme=${this.theme}></cl-console>`;
      default:
        return state.phase satisfies never;
    }
  }

  #open(): Studio {
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    return new Studio({
      api: new Api(),
      socketUrl: `${scheme}//${location.host}/ws/v1`,
      memory: new Keepsake("cuelight.studio.channel"),
    });
  }

  async #recording({ remove }: RecordingRequest): Promise<void> {
    await (remove === undefined ? this.#studio.readRecordings() : this.#studio.removeRecording(remove));
  }

  async #removal({ how, participant, terms }: RemovalRequest): Promise<void> {
    await (how === "kick" ? this.#studio.kick(participant) : this.#studio.ban(participant, terms));
  }

  async #shows({ wish }: ShowsRequest): Promise<void> {
    const { archive } = this.#studio;
    switch (wish.to) {
      case "list":
        return archive.list();
      case "more":
        return archive.more();
      case "open":
        return archive.open(wish.show);
      case "leave":
        return archive.back();
      case "save":
        return this.#download(wish.format);
      default:
        return wish satisfies never;
    }
  }

  async #download(format: ExportFormat): Promise<void> {
    const { channel, archive } = this.#studio.store.getState();
    const { opened } = archive;
    const file = await this.#studio.archive.save(format);
    if (file === undefined || opened?.is !== "read" || channel === undefined) return;
    keepFile(file, fileName(channel, opened.show, format));
  }

  async #save(request: SaveRequest): Promise<void> {
    const error = await this.#studio.save(request.cue, request.question);
    this.renderRoot.querySelector<ClConsole>("cl-console")?.saved(error);
  }

  /** A sign-in link was opened in the tab where the studio already is. */
  #linkPasted(): void {
    if (tokenIn(location.hash) === undefined) return;
    const token = takeToken(location, history);
    if (token !== undefined) void this.#studio.signIn(token);
  }

  #changeTheme(): void {
    this.theme = nextTheme(this.theme);
    showTheme(this.theme);
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "cl-studio": ClStudio;
  }
}
