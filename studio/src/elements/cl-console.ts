import type { Connection, Cue } from "@cuelight/player/core";
import { css, html, LitElement, nothing, type TemplateResult } from "lit";
import { repeat } from "lit/directives/repeat.js";
import type { ApiError } from "../api.ts";
import { listenForHotkeys } from "../hotkeys.ts";
import { type Question, questionOf } from "../question.ts";
import { hasEnded } from "../recordings-view.ts";
import { FormRequest, ShowsRequest } from "../requests.ts";
import { blocker, isWaiting, lastOpenings, nextDraft, onAir, rundown } from "../rundown.ts";
import type { Sight } from "../sight.ts";
import { CHANNEL_LATENCY, CHANNEL_LINKS, type StudioState } from "../store.ts";
import { base } from "../theme.ts";
import type { RoomNow } from "./cl-countdown.ts";
import type { ClNext } from "./cl-next.ts";
import type { ClPastShows } from "./cl-past-shows.ts";
import type { ClProgram } from "./cl-program.ts";
import type { ClQuestionForm } from "./cl-question-form.ts";
import type { ClStage } from "./cl-stage.ts";

/**
 * The console of one channel on one screen: what goes out at the left, what is
 * on air and what comes next in the middle, who watches at the right.
 */
export class ClConsole extends LitElement {
  static override readonly properties = {
    state: { attribute: false },
    now: { attribute: false },
    connection: { attribute: false },
    theme: { type: String },
  };
  static override readonly styles = [
    base,
    css`
      :host { display: flex; flex-direction: column; height: 100dvh; }
      main {
        flex: 1; min-height: 0; display: grid; gap: var(--cl-gap); padding: var(--cl-gap);
        grid-template-columns: minmax(300px, 25%) minmax(0, 1fr) minmax(250px, 20%);
        grid-template-areas: "program centre audience";
        max-width: 2200px; width: 100%; margin: 0 auto;
      }
      .column { min-height: 0; min-width: 0; overflow-y: auto; display: flex; flex-direction: column; gap: var(--cl-gap); scrollbar-width: thin; scrollbar-color: var(--cl-line) transparent; }
      .column > * { flex: none; }
      .program { grid-area: program; }
      .centre { grid-area: centre; }
      .audience { grid-area: audience; }
      .centre cl-rundown { flex: 1 1 240px; min-height: 240px; }
      @media (max-width: 1279px) {
        main { grid-template-columns: minmax(290px, 34%) minmax(0, 1fr); grid-template-areas: "program centre" "audience centre"; grid-template-rows: auto minmax(0, 1fr); }
        .program { overflow: visible; }
      }
      /* Two columns: the left one scrolls with the page, the cue on air stays. */
      @media (max-width: 1279px) and (min-width: 1024px) {
        main { overflow-y: auto; grid-template-rows: max-content max-content; align-content: start; }
        .program, .audience { overflow: visible; }
        .centre { grid-row: 1 / span 2; position: sticky; top: 0; height: calc(100dvh - 54px - 2 * var(--cl-gap)); }
      }
      @media (max-width: 1023px) {
        :host { height: auto; min-height: 100dvh; }
        cl-top-bar { position: sticky; top: 0; z-index: 5; }
        /* One column: the picture lies above the button that takes a cue on it. */
        main { display: flex; flex-direction: column; max-width: 760px; }
        .column { display: contents; }
        cl-program { order: 1; }
        cl-next { order: 2; }
        cl-rundown { order: 3; }
        .audience > *, cl-health, cl-event { order: 4; }
        .centre cl-rundown { flex: none; min-height: 0; }
      }
    `,
  ];

  declare state: StudioState;
  declare now: RoomNow | undefined;
  declare connection: Connection | undefined;
  declare theme: string;
  #gone = new AbortController();

  override connectedCallback(): void {
    super.connectedCallback();
    this.#gone = new AbortController();
    const { signal } = this.#gone;
    listenForHotkeys(
      {
        t: () => this.#next()?.take(),
        "shift+t": () => this.#next()?.take("edge"),
        e: () => this.#stage()?.press("extend"),
        p: () => this.#stage()?.press("pause"),
        c: () => this.#stage()?.press("close"),
        r: () => this.#stage()?.press("reveal"),
        "shift+r": () => this.#stage()?.press("reveal-clear"),
        n: () => void this.#form()?.open(),
      },
      { signal },
    );
    this.addEventListener(FormRequest.type, (event) => this.#openForm(event as FormRequest), { signal });
    this.addEventListener(ShowsRequest.type, (event) => this.#openShows(event), { signal });
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#gone.abort();
  }

  /** Passes the server's word on the last save to the form. */
  saved(error: ApiError | undefined): void {
    this.#form()?.saved(error);
  }

  protected override render(): TemplateResult | typeof nothing {
    if (this.state === undefined) return nothing;
    const { room, channel = "" } = this.state;
    return html`
      <cl-top-bar .channels=${this.state.channels} .channel=${channel} .heading=${room.title || channel} .link=${room.link} .theme=${this.theme}></cl-top-bar>
      <main>
        <div class="column centre">${this.#centre()}</div>
        <div class="column audience">${this.#audience()}</div>
        <div class="column program">${this.#program()}</div>
      </main>
      <cl-question-form .busy=${[...this.state.pending.values()].includes("save")}></cl-question-form>
      <cl-past-shows .archive=${this.state.archive}></cl-past-shows>`;
  }

  #audience(): TemplateResult {
    const { room, looked, pending, complaint, bans, links, channel = "" } = this.state;
    const openings = lastOpenings(room, looked);
    return html`
      <cl-audience .presence=${room.presence}></cl-audience>
      <cl-openings .openings=${openings} .cue=${openings && room.cues.get(openings.cue)}
        .looked=${looked !== undefined && openings?.cue === looked}></cl-openings>
      <cl-people .presence=${room.presence} .roster=${room.roster} .bans=${bans} .pending=${pending} .complaint=${complaint} .now=${this.now}></cl-people>
      <cl-links .links=${links} .channel=${channel} .busy=${pending.has(CHANNEL_LINKS)} .complaint=${this.#about(CHANNEL_LINKS)}></cl-links>
      <cl-latency .latencyMs=${this.#latencyMs} .next=${room.timeline?.next} .now=${this.now} .busy=${pending.has(CHANNEL_LATENCY)}
        .complaint=${this.#about(CHANNEL_LATENCY)}></cl-latency>`;
  }

  #program(): TemplateResult {
    const { room, recordings, pending, complaint } = this.state;
    const { health, timeline } = room;
    const ended = hasEnded(health);
    return html`
      <cl-program .connection=${this.connection} .live=${this.#live} .known=${health !== undefined || timeline !== undefined}
        .ended=${ended} .uptime=${health?.uptime_s}></cl-program>
      <cl-health .health=${health}></cl-health>
      <cl-event .live=${this.#live} .ended=${ended} .recordings=${recordings} .pending=${pending} .complaint=${complaint}></cl-event>`;
  }

  #centre(): TemplateResult {
    const { room, selected, looked, pending } = this.state;
    const active = onAir(room);
    const next = nextDraft(room, selected);
    const before = next && blocker(room, next);
    return html`
      ${active.length === 0 ? this.#onStage(undefined, true) : nothing}
      ${repeat(
        active,
        (cue) => cue.id,
        (cue, i) => this.#onStage(cue, i === 0),
      )}
      <cl-next .cue=${next} .sight=${this.#sight} .live=${this.#live}
        .blocked=${before === undefined ? "" : blockedWords(before)}
        .pending=${next && pending.get(next.id)} .complaint=${next && this.#about(next.id)}></cl-next>
      <cl-rundown .cues=${rundown(room)} .tallies=${room.tallies} .openings=${room.openings} .active=${active.map((cue) => cue.id)}
        .looked=${looked ?? ""} .next=${next?.id ?? ""} .pending=${pending} .loaded=${room.role !== undefined}></cl-rundown>`;
  }

  /** @param keys - Whether the hotkeys act on this one. */
  #onStage(cue: Cue | undefined, keys: boolean): TemplateResult {
    const { room, pending } = this.state;
    return html`
      <cl-stage .cue=${cue} .keys=${keys} .tally=${cue && room.tallies.get(cue.id)} .openings=${cue && room.openings.get(cue.id)}
        .viewers=${room.presence?.viewers} .now=${this.now} .pending=${cue && pending.get(cue.id)}
        .complaint=${cue && this.#about(cue.id)} .loaded=${room.role !== undefined}></cl-stage>`;
  }

  /** What the last command about it came to, if that was no success. */
  #about(what: string): string | undefined {
    const { complaint } = this.state;
    return complaint?.cue === what ? complaint.message : undefined;
  }

  get #live(): boolean {
    const { health, timeline } = this.state.room;
    return health?.live ?? timeline?.live ?? false;
  }

  /** The timeline is told at once when it changes, health once a second. */
  get #latencyMs(): number | undefined {
    const { health, timeline } = this.state.room;
    return timeline?.latency_ms ?? health?.latency_ms;
  }

  /** What the producer is looking at, as Take needs it. */
  readonly #sight = (): Sight => {
    const next = this.state.room.timeline?.next;
    return {
      shownUs: this.renderRoot.querySelector<ClProgram>("cl-program")?.shownInstant,
      nowUs: this.now?.(),
      latencyMs: next?.latency_ms ?? this.#latencyMs,
      live: this.#live,
    };
  };

  #openForm(request: FormRequest): void {
    const cue = request.cue === undefined ? undefined : this.state.room.cues.get(request.cue);
    const question: Question | undefined = cue === undefined ? undefined : questionOf(cue);
    const taken = cue !== undefined && cue.state !== "draft" && !request.copy;
    void this.#form()?.open(question, request.copy ? undefined : request.cue, taken);
  }

  /** The wish itself goes on to whoever can answer it. */
  #openShows(event: ShowsRequest): void {
    if (event.wish.to === "list") this.renderRoot.querySelector<ClPastShows>("cl-past-shows")?.open();
  }

  #form(): ClQuestionForm | null {
    return this.renderRoot.querySelector("cl-question-form");
  }

  #next(): ClNext | null {
    return this.renderRoot.querySelector("cl-next");
  }

  /** That of the hotkeys, which is the first. */
  #stage(): ClStage | null {
    return this.renderRoot.querySelector("cl-stage");
  }
}

/** Why the next cue cannot be taken yet. */
const blockedWords = (before: Cue): string =>
  isWaiting(before)
    ? "Another cue is about to open there. Take this one when it has closed, or cancel it."
    : "Another cue is on air. Take this one when it has closed.";

declare global {
  interface HTMLElementTagNameMap {
    "cl-console": ClConsole;
  }
}
