import type { PresenceMessage, RosterMessage, RosterViewer } from "@cuelight/player/core";
import { css, html, LitElement, nothing, type TemplateResult } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { count } from "../format.ts";
import { banIcon, kickIcon } from "../icons.ts";
import type { Ban } from "../people.ts";
import {
  banEnds,
  factsOf,
  GRADES,
  gradeName,
  gradesOf,
  inOrder,
  rate,
  strikesOf,
  sureness,
} from "../people-view.ts";
import { BansRequest, RemovalRequest, UnbanRequest } from "../requests.ts";
import { type Bans, type Command, participantKey } from "../store.ts";
import { base, buttons, complaints, panel, shares } from "../theme.ts";
import type { ClBan } from "./cl-ban.ts";
import type { ClConfirm } from "./cl-confirm.ts";
import type { RoomNow } from "./cl-countdown.ts";

/**
 * Who is there: how sure it is who answers, how many come and go, a sample of
 * viewers to remove somebody from, and those who are banned.
 *
 * @fires cl-removal-request - Kick or ban somebody.
 * @fires cl-unban-request - Let somebody in again.
 * @fires cl-bans-request - Read the list of bans.
 */
export class ClPeople extends LitElement {
  static override readonly properties = {
    presence: { attribute: false },
    roster: { attribute: false },
    bans: { attribute: false },
    pending: { attribute: false },
    complaint: { attribute: false },
    now: { attribute: false },
    shown: { state: true },
    held: { state: true },
  };
  static override readonly styles = [
    base,
    panel,
    buttons,
    complaints,
    shares,
    css`
      .sure { display: flex; gap: 9px; align-items: flex-start; }
      .sure i { flex: none; width: 11px; height: 11px; margin-top: 4px; border-radius: 50%; border: 2px solid var(--tone); background: var(--tone); }
      .sure[data-level="none"] { --tone: var(--cl-line-strong); color: var(--cl-muted); }
      .sure[data-level="low"] { --tone: var(--cl-wait); }
      .sure[data-level="low"] i { background: none; }
      .sure[data-level="fair"] { --tone: var(--cl-wait); }
      .sure[data-level="high"] { --tone: var(--cl-go); }
      .account { --tone: var(--cl-go); }
      .link { --tone: var(--cl-accent); }
      .pin { --tone: var(--cl-violet); }
      .device { --tone: var(--cl-line-strong); }
      .flow { display: flex; flex-wrap: wrap; gap: 2px 16px; margin-top: 12px; padding-top: 9px; border-top: 1px solid var(--cl-line); font-size: 13px; }
      .flow b { font-weight: 600; }
      details { margin-top: 10px; border-top: 1px solid var(--cl-line); }
      summary { cursor: pointer; padding: 9px 0 5px; color: var(--cl-muted); font-weight: 600; font-size: 13px; }
      summary:hover { color: var(--cl-text); }
      ul.rows { max-height: 320px; overflow-y: auto; scrollbar-width: thin; scrollbar-color: var(--cl-line) transparent; margin-right: -8px; padding-right: 8px; }
      .rows li { display: grid; grid-template-columns: minmax(0, 1fr) auto; align-items: center; gap: 0 6px; padding: 5px 0; border-top: 1px solid var(--cl-line); }
      .rows li:first-child { border-top: 0; }
      .name { font-weight: 600; font-size: 13px; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
      .facts { font-size: 12.5px; color: var(--cl-muted); overflow-wrap: anywhere; }
      .facts .dot { display: inline-block; margin-right: 5px; }
      .strikes { font-size: 12.5px; font-weight: 600; color: var(--cl-wait); }
      .both { display: flex; }
      .hint { font-size: 12.5px; color: var(--cl-muted); margin: 2px 0 6px; }
      .rows .complaint { grid-column: 1 / -1; margin: 4px 0; }
      .again { margin-top: 6px; }
      @media (pointer: coarse) { summary { padding: 13px 0 9px; } }
    `,
  ];

  declare presence: PresenceMessage | undefined;
  declare roster: RosterMessage | undefined;
  declare bans: Bans;
  declare pending: ReadonlyMap<string, Command>;
  /** What the last command came to, and what it was about. */
  declare complaint: { readonly cue: string; readonly message: string } | undefined;
  declare now: RoomNow | undefined;
  /** The sample on screen: while somebody points at it, no other one takes its place. */
  declare protected shown: RosterMessage | undefined;
  declare protected held: boolean;

  constructor() {
    super();
    this.bans = { is: "unknown" };
    this.pending = new Map();
    this.held = false;
  }

  protected override willUpdate(): void {
    if (!this.held || this.shown === undefined || this.roster === undefined) this.shown = this.roster;
  }

  protected override render(): TemplateResult {
    const grades = gradesOf(this.presence?.grades);
    const sure = sureness(grades);
    return html`
      <section class="panel" aria-labelledby="people">
        <div class="panel-head"><h2 id="people" class="label">People</h2></div>
        <p class="sure" data-testid="sureness" data-level=${sure.level}><i aria-hidden="true"></i><span>${sure.words}</span></p>
        <div class="stack" aria-hidden="true">${GRADES.map(
          ([key]) =>
            html`<i class=${key} .style=${`--share:${grades[key]}`} ?hidden=${grades[key] === 0}></i>`,
        )}</div>
        <dl class="legend">${GRADES.map(
          ([key, name, meaning]) => html`
            <div><span class="dot ${key}"></span><dt>${name} <span class="muted">${meaning}</span></dt>
              <dd class="number" data-testid="grade-${key}" data-value=${grades[key]}>${count(grades[key])}</dd></div>`,
        )}</dl>
        <p class="flow number">
          <span data-testid="joins"><b>${rate(this.presence?.joins ?? 0)}</b> <span class="muted">come</span></span>
          <span data-testid="leaves"><b>${rate(this.presence?.leaves ?? 0)}</b> <span class="muted">go</span></span>
        </p>
        ${this.#viewers()} ${this.#banned()}
        <cl-confirm></cl-confirm>
        <cl-ban></cl-ban>
      </section>`;
  }

  #viewers(): TemplateResult {
    const { shown } = this;
    const viewers = shown?.viewers ?? [];
    const whole = shown !== undefined && shown.total <= viewers.length;
    return html`
      <details data-testid="roster">
        <summary>Viewers${shown === undefined || whole ? nothing : html` <span class="number">· ${viewers.length} of ${count(shown.total)}</span>`}</summary>
        <p class="hint">${this.#aboutRoster(viewers.length, whole)}</p>
        <ul class="rows" aria-label="Viewers" @pointerenter=${this.#hold} @pointerleave=${this.#release} @focusin=${this.#hold} @focusout=${this.#release}>${repeat(
          inOrder(viewers),
          (viewer) => viewer.participant,
          (viewer) => this.#viewer(viewer),
        )}</ul>
      </details>`;
  }

  #aboutRoster(n: number, whole: boolean): string {
    if (n === 0) return this.shown === undefined ? "Waiting for the server’s sample…" : "Nobody is there.";
    if (this.held) return "The list stands still while you are in it.";
    return whole ? "Everybody who is there." : "A random sample, another one every few seconds.";
  }

  #viewer(viewer: RosterViewer): TemplateResult {
    const id = viewer.participant;
    const command = this.pending.get(participantKey(id));
    const strikes = strikesOf(viewer);
    return html`
      <li data-testid="viewer-${id}">
        <div>
          <p class="name" title=${id}>${id}</p>
          <p class="facts number"><span class="dot ${viewer.grade}" aria-hidden="true"></span>${gradeName(viewer.grade)} · ${factsOf(viewer, this.now?.())}</p>
          ${strikes === "" ? nothing : html`<p class="strikes">${strikes}</p>`}
        </div>
        <div class="both">
          <button class="quiet icon" data-testid="kick-${id}" aria-label="Remove ${id}" title="Remove…" aria-busy=${command === "kick"} ?disabled=${command !== undefined}
            @click=${() => this.#askKick(viewer)}>${kickIcon}</button>
          <button class="quiet icon" data-testid="ban-${id}" aria-label="Ban ${id}" title="Ban…" aria-busy=${command === "ban"} ?disabled=${command !== undefined}
            @click=${() => this.#askBan(viewer)}>${banIcon}</button>
        </div>
        ${this.#complaint(id)}
      </li>`;
  }

  #banned(): TemplateResult {
    const n = this.bans.is === "listed" ? this.bans.list.length : 0;
    return html`
      <details data-testid="bans" @toggle=${this.#bansToggled}>
        <summary>Banned${n === 0 ? nothing : html` <span class="number">· ${count(n)}</span>`}</summary>
        ${this.#bans()}
      </details>`;
  }

  #bans(): TemplateResult {
    const { bans } = this;
    switch (bans.is) {
      case "unknown":
        return html`<p class="hint" role="status">Reading the list…</p>`;
      case "failed":
        return html`
          <p class="complaint" role="alert">${bans.message}</p>
          <button class="again" @click=${() => this.dispatchEvent(new BansRequest())}>Try again</button>`;
      case "listed":
        return bans.list.length === 0
          ? html`<p class="hint">Nobody.</p>`
          : html`<ul class="rows" aria-label="Banned">${repeat(
              bans.list,
              (ban) => ban.participant,
              (ban) => this.#ban(ban),
            )}</ul>`;
      default:
        return bans satisfies never;
    }
  }

  #ban(ban: Ban): TemplateResult {
    const busy = this.pending.has(participantKey(ban.participant));
    return html`
      <li data-testid="banned-${ban.participant}">
        <div>
          <p class="name" title=${ban.participant}>${ban.participant}</p>
          <p class="facts number">${banEnds(ban)}${ban.reason ? html` · ${ban.reason}` : nothing}</p>
        </div>
        <button data-testid="unban-${ban.participant}" aria-label="Let ${ban.participant} in again" aria-busy=${busy} ?disabled=${busy}
          @click=${() => this.dispatchEvent(new UnbanRequest(ban.participant))}>${busy ? "Letting in…" : "Let in"}</button>
        ${this.#complaint(ban.participant)}
      </li>`;
  }

  #complaint(participant: string): TemplateResult | typeof nothing {
    return this.complaint?.cue === participantKey(participant)
      ? html`<p class="complaint" role="alert">${this.complaint.message}</p>`
      : nothing;
  }

  readonly #hold = (): void => {
    this.held = true;
  };

  /** Pointer and focus may both be in the list: it moves on when both have left. */
  readonly #release = (event: Event): void => {
    const list = event.currentTarget as HTMLElement;
    const to = (event as FocusEvent).relatedTarget;
    const focused =
      event.type === "focusout" ? to instanceof Node && list.contains(to) : list.matches(":focus-within");
    const pointed = event.type === "pointerleave" ? false : list.matches(":hover");
    this.held = focused || pointed;
  };

  readonly #bansToggled = (event: Event): void => {
    if ((event.target as HTMLDetailsElement).open) this.dispatchEvent(new BansRequest());
  };

  async #askKick(viewer: RosterViewer): Promise<void> {
    const yes = await (this.renderRoot.querySelector("cl-confirm") as ClConfirm).ask({
      title: "Remove this viewer?",
      text: `${viewer.participant} (${gradeName(viewer.grade).toLowerCase()}) loses the connection and is told that you removed it. A reload brings it back: ban it to keep it out. Answers that were counted stay.`,
      yes: "Remove",
      no: "Leave it",
    });
    if (yes) this.dispatchEvent(new RemovalRequest("kick", viewer.participant));
  }

  async #askBan(viewer: RosterViewer): Promise<void> {
    const terms = await (this.renderRoot.querySelector("cl-ban") as ClBan).ask(viewer);
    if (terms !== undefined) this.dispatchEvent(new RemovalRequest("ban", viewer.participant, terms));
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "cl-people": ClPeople;
  }
}
