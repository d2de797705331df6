import { css, html, LitElement, nothing, type TemplateResult } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { type ArchiveState, emptyArchive, type OpenedShow, type ShowList } from "../archive.ts";
import { backIcon, crossIcon, downloadIcon } from "../icons.ts";
import { size } from "../recordings-view.ts";
import { ShowsRequest, type ShowsWish } from "../requests.ts";
import type { ExportFormat, Show } from "../shows.ts";
import { began, ending, extent, isOnAir } from "../shows-view.ts";
import { base, buttons, complaints } from "../theme.ts";

/**
 * Past shows in a dialog: their list, and the results of one, to be read or
 * downloaded. Escape closes it; the focus goes back to where it came from.
 *
 * @fires cl-shows-request - Read a list or a show, or download one.
 */
export class ClPastShows extends LitElement {
  static override readonly properties = { archive: { attribute: false } };
  static override readonly styles = [
    base,
    buttons,
    complaints,
    css`
      dialog {
        width: min(720px, calc(100vw - 32px)); height: min(760px, calc(100dvh - 48px)); padding: 0; border-radius: 14px; color: var(--cl-text);
        background: var(--cl-surface); border: 1px solid var(--cl-line); box-shadow: 0 24px 60px rgb(0 0 0 / 45%); overflow: hidden;
      }
      dialog[open] { display: flex; flex-direction: column; }
      dialog::backdrop { background: rgb(4 7 11 / 62%); }
      header { display: flex; align-items: center; gap: 8px; padding: 12px 12px 12px 20px; border-bottom: 1px solid var(--cl-line); }
      header.deep { padding-left: 10px; }
      h2 { flex: 1; min-width: 0; font-size: 18px; line-height: 1.3; overflow: hidden; text-overflow: ellipsis; }
      h2:focus { outline: none; }
      .body { flex: 1; min-height: 0; overflow-y: auto; padding: 16px 20px 20px; scrollbar-width: thin; scrollbar-color: var(--cl-line-strong) transparent; }
      .body:focus-visible { outline-offset: -3px; }
      .about { display: flex; flex-wrap: wrap; align-items: center; gap: 4px 10px; margin-bottom: 16px; color: var(--cl-muted); }
      .about button { color: var(--cl-text); }
      .live { display: inline-flex; align-items: center; gap: 5px; font-size: 12px; font-weight: 650; color: var(--cl-live); white-space: nowrap; }
      .live::before { content: ""; width: 8px; height: 8px; border-radius: 50%; background: currentColor; }
      .shows { margin: -6px -10px 0; }
      .shows li + li { border-top: 1px solid var(--cl-line); }
      .shows button {
        width: 100%; min-height: 54px; padding: 8px 10px; border: 0; background: none; display: grid; grid-template-columns: minmax(0, 1fr) auto;
        justify-content: stretch; text-align: left; gap: 0 12px; white-space: normal;
      }
      .shows button::after { content: "›"; grid-area: 1 / 3; font-size: 20px; font-weight: 400; color: var(--cl-muted); }
      .shows button:hover { background: var(--cl-raised); }
      .shows button:focus-visible { outline-offset: -2px; }
      .facts { font-size: 12.5px; font-weight: 400; color: var(--cl-muted); display: block; }
      .more { display: flex; margin: 12px auto 0; }
      .empty { padding: 40px 12px; text-align: center; display: grid; gap: 6px; justify-items: center; max-width: 46ch; margin: 0 auto; }
      .empty b { font-size: 17px; }
      .complaint { margin-top: 0; }
      .complaint + button { margin-top: 10px; }
      footer { display: flex; flex-wrap: wrap; justify-content: flex-end; align-items: center; gap: 8px; padding: 12px 20px; border-top: 1px solid var(--cl-line); }
      footer .said { flex: 1 1 180px; font-size: 13px; color: var(--cl-muted); }
      footer .said.bad { color: var(--cl-live); font-weight: 550; }
      @media (max-width: 560px) {
        dialog { width: 100vw; max-width: 100vw; height: 100dvh; max-height: 100dvh; border: 0; border-radius: 0; margin: 0; }
        h2 { font-size: 16px; }
        .body { padding-inline: 14px; }
        .shows { margin-inline: -4px; }
        footer { padding: 10px 14px; }
        footer button { flex: 1; padding-inline: 8px; }
        footer .said { flex-basis: 100%; }
        footer .said:empty { display: none; }
      }
    `,
  ];

  declare archive: ArchiveState;
  /** The show that was looked at last: its row gets the focus when the list is back. */
  #looked: number | undefined;
  /** How many shows were listed when older ones were asked for. */
  #listed: number | undefined;

  constructor() {
    super();
    this.archive = emptyArchive;
  }

  /** Shows the list as it is known. */
  open(): void {
    const dialog = this.#dialog();
    if (dialog.open) return;
    dialog.showModal();
    this.#heading().focus();
  }

  protected override render(): TemplateResult {
    const { opened, list } = this.archive;
    return html`
      <dialog aria-labelledby="heading" data-testid="past-shows" @close=${this.#closed}>
        <header class=${opened === undefined ? "" : "deep"}>
          ${opened === undefined ? nothing : html`<button class="quiet" data-testid="all-shows" @click=${() => this.#ask({ to: "leave" })}>${backIcon} All shows</button>`}
          <h2 id="heading" tabindex="-1">${opened === undefined ? "Past shows" : this.#title(opened)}</h2>
          <button class="quiet icon" data-testid="close-shows" aria-label="Close" title="Close" @click=${() => this.#dialog().close()}>${crossIcon}</button>
        </header>
        <div class="body" tabindex="0" role="region" aria-label=${opened === undefined ? "Shows" : "Results"}>${opened === undefined ? this.#list(list) : this.#opened(opened)}</div>
        ${opened?.is === "read" ? this.#downloads() : nothing}
      </dialog>`;
  }

  protected override updated(): void {
    if (!this.#dialog().open) return;
    const { opened, list } = this.archive;
    if (opened !== undefined) this.#looked = opened.id;
    else if (this.#looked !== undefined) {
      this.renderRoot.querySelector<HTMLElement>(`[data-show="${this.#looked}"]`)?.focus();
      this.#looked = undefined;
    } else if (this.#listed !== undefined && list.is === "listed" && list.shows.length > this.#listed) {
      this.renderRoot.querySelectorAll<HTMLElement>("[data-show]")[this.#listed]?.focus();
      this.#listed = undefined;
    }
    // The button that was pressed may be gone, and the keys with it.
    if ((this.renderRoot as ShadowRoot).activeElement === null) this.#heading().focus();
  }

  #list(list: ShowList): TemplateResult {
    switch (list.is) {
      case "unknown":
        return html`<cl-wait words="Reading the shows…"></cl-wait>`;
      case "none":
        return html`
          <div class="empty" data-testid="no-history">
            <b>Past shows are not kept here</b>
            <p class="muted">${list.message}</p>
          </div>`;
      case "failed":
        return this.#failed(list.message, { to: "list" });
      case "listed":
        return list.shows.length === 0
          ? html`<div class="empty"><b>No shows yet</b><p class="muted">A show is listed here from its first question on.</p></div>`
          : this.#shows(list);
      default:
        return list satisfies never;
    }
  }

  #shows(list: Extract<ShowList, { is: "listed" }>): TemplateResult {
    return html`
      <ul class="shows" aria-label="Shows, newest first">${repeat(
        list.shows,
        (show) => show.id,
        (show) => this.#row(show),
      )}</ul>
      ${typeof list.more === "object" ? html`<p class="complaint" role="alert">${list.more.message}</p>` : nothing}
      ${list.more === "reading" ? html`<cl-wait words="Reading older shows…"></cl-wait>` : nothing}
      ${list.next === undefined ? nothing : this.#moreButton(list)}`;
  }

  #moreButton({ shows, more }: Extract<ShowList, { is: "listed" }>): TemplateResult {
    const press = (): void => {
      this.#listed = shows.length;
      this.#ask({ to: "more" });
    };
    return html`
      <button class="more" data-testid="older-shows" aria-busy=${more === "reading"} aria-disabled=${more === "reading"} @click=${press}>
        ${typeof more === "object" ? "Try again" : "Older shows"}
      </button>`;
  }

  #row(show: Show): TemplateResult {
    return html`
      <li>
        <button data-testid="show-${show.id}" data-show=${show.id} @click=${() => this.#ask({ to: "open", show: show.id })}>
          <span>${began(show)} <span class="facts number">${extent(show)}</span></span>
          ${isOnAir(show) ? html`<span class="live">On air now</span>` : html`<span></span>`}
        </button>
      </li>`;
  }

  #title(opened: OpenedShow): string {
    const show = opened.is === "read" ? opened.show : this.#listedShow(opened.id);
    return show === undefined ? "Show" : began(show);
  }

  #listedShow(id: number): Show | undefined {
    const { list } = this.archive;
    return list.is === "listed" ? list.shows.find((show) => show.id === id) : undefined;
  }

  #opened(opened: OpenedShow): TemplateResult {
    switch (opened.is) {
      case "reading":
        return html`<cl-wait words="Reading the results…"></cl-wait>`;
      case "failed":
        return this.#failed(opened.message, { to: "open", show: opened.id });
      case "read":
        return html`
          ${this.#about(opened.show)}
          ${
            opened.results.length === 0
              ? html`<div class="empty"><b>No finished question</b><p class="muted">Results are kept once a question has closed.</p></div>`
              : html`<cl-show data-testid="show-results" .results=${opened.results}></cl-show>`
          }`;
      default:
        return opened satisfies never;
    }
  }

  #about(show: Show): TemplateResult {
    const live = isOnAir(show);
    return html`
      <div class="about">
        ${live ? html`<span class="live">On air now</span>` : nothing}
        <span class="number">${extent(show)}</span> <span>${ending(show)}</span>
        ${live ? html`<button data-testid="refresh-show" @click=${() => this.#ask({ to: "open", show: show.id })}>Refresh</button>` : nothing}
      </div>`;
  }

  #failed(message: string, again: ShowsWish): TemplateResult {
    return html`
      <p class="complaint" role="alert">${message}</p>
      <button data-testid="try-again" @click=${() => this.#ask(again)}>Try again</button>`;
  }

  #downloads(): TemplateResult {
    const { saving } = this.archive;
    return html`
      <footer>
        <span class="said ${saving.is === "failed" ? "bad" : ""}" role="status" data-testid="download-said">${this.#said()}</span>
        ${this.#download("csv")} ${this.#download("json")}
      </footer>`;
  }

  #download(format: ExportFormat): TemplateResult {
    const { saving } = this.archive;
    const busy = saving.is === "reading" && saving.format === format;
    const name = format.toUpperCase();
    const failed = saving.is === "failed" && saving.format === format;
    return html`
      <button data-testid="download-${format}" aria-busy=${busy} aria-disabled=${saving.is === "reading"}
        @click=${() => this.#ask({ to: "save", format })}>${downloadIcon} ${failed ? `Try ${name} again` : `Download ${name}`}</button>`;
  }

  #said(): string {
    const { saving } = this.archive;
    switch (saving.is) {
      case "idle":
        return "";
      case "reading":
        return saving.bytes === 0 ? "Asking for the file…" : `Downloading… ${size(saving.bytes)}`;
      case "failed":
        return saving.message;
      case "saved":
        return "Downloaded.";
      default:
        return saving satisfies never;
    }
  }

  readonly #closed = (): void => {
    this.#looked = undefined;
    this.#listed = undefined;
    if (this.archive.opened !== undefined) this.#ask({ to: "leave" });
  };

  #ask(wish: ShowsWish): void {
    this.dispatchEvent(new ShowsRequest(wish));
  }

  #heading(): HTMLElement {
    return this.renderRoot.querySelector("#heading") as HTMLElement;
  }

  #dialog(): HTMLDialogElement {
    return this.renderRoot.querySelector("dialog") as HTMLDialogElement;
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "cl-past-shows": ClPastShows;
  }
}
