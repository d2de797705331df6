import type { Connection } from "@cuelight/player/core";
import { css, html, LitElement, nothing, type TemplateResult } from "lit";
import type { ApiError } from "../api.ts";
import { listenForHotkeys } from "../hotkeys.ts";
import { type Question, questionOf } from "../question.ts";
import { FormRequest } from "../requests.ts";
import { activeCue, isRunning, lastOpenings, nextDraft, rundown } from "../rundown.ts";
import type { StudioState } from "../store.ts";
import { base } from "../theme.ts";
import type { RoomNow } from "./cl-countdown.ts";
import type { ClNext } from "./cl-next.ts";
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
      @media (max-width: 1279px) and (min-width: 1024px) {
        main { overflow: hidden; }
        .centre { grid-row: 1 / span 2; }
      }
      @media (max-width: 1023px) {
        :host { height: auto; min-height: 100dvh; }
        cl-top-bar { position: sticky; top: 0; z-index: 5; }
        main { grid-template-columns: minmax(0, 1fr); grid-template-areas: "centre" "audience" "program"; grid-template-rows: none; max-width: 760px; }
        .column { overflow: visible; }
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
        t: () => this.renderRoot.querySelector<ClNext>("cl-next")?.take(),
        e: () => this.#stage()?.press("extend"),
        c: () => this.#stage()?.press("close"),
        r: () => this.#stage()?.press("reveal"),
        n: () => void this.#form()?.open(),
      },
      { signal },
    );
    this.addEventListener(FormRequest.type, (event) => this.#openForm(event as FormRequest), { signal });
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
        <div class="column audience">
          <cl-audience .presence=${room.presence} .openings=${lastOpenings(room)}></cl-audience>
        </div>
        <div class="column program">${this.#program()}</div>
      </main>
      <cl-question-form .busy=${[...this.state.pending.values()].includes("save")}></cl-question-form>`;
  }

  #program(): TemplateResult {
    const { health, timeline } = this.state.room;
    return html`
      <cl-program .connection=${this.connection} .live=${health?.live ?? timeline?.live ?? false} .known=${health !== undefined || timeline !== undefined}
        .uptime=${health?.uptime_s}></cl-program>
      <cl-health .health=${health}></cl-health>`;
  }

  #centre(): TemplateResult {
    const { room, selected, pending, complaint } = this.state;
    const active = activeCue(room);
    const next = nextDraft(room, selected);
    const loaded = room.role !== undefined;
    const about = (id: string | undefined): string | undefined =>
      complaint?.cue === id ? complaint?.message : undefined;
    const health = room.health;
    return html`
      <cl-stage .cue=${active} .tally=${active && room.tallies.get(active.id)} .viewers=${room.presence?.viewers} .now=${this.now}
        .pending=${active && pending.get(active.id)} .complaint=${active && about(active.id)} .loaded=${loaded}></cl-stage>
      <cl-next .cue=${next} .latencyMs=${health?.latency_ms ?? room.timeline?.latency_ms} .live=${health?.live ?? room.timeline?.live ?? false}
        .blocked=${active && isRunning(active) ? "Another cue is on air. Take this one when it has closed." : ""}
        .pending=${next && pending.get(next.id)} .complaint=${next && about(next.id)}></cl-next>
      <cl-rundown .cues=${rundown(room)} .tallies=${room.tallies} .active=${active?.id ?? ""} .next=${next?.id ?? ""} .pending=${pending}
        .loaded=${loaded}></cl-rundown>`;
  }

  #openForm(request: FormRequest): void {
    const cue = request.cue === undefined ? undefined : this.state.room.cues.get(request.cue);
    const question: Question | undefined = cue === undefined ? undefined : questionOf(cue);
    void this.#form()?.open(question, request.copy ? undefined : request.cue);
  }

  #form(): ClQuestionForm | null {
    return this.renderRoot.querySelector("cl-question-form");
  }

  #stage(): ClStage | null {
    return this.renderRoot.querySelector("cl-stage");
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "cl-console": ClConsole;
  }
}
