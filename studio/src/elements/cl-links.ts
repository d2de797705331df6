import { css, html, LitElement, nothing, type TemplateResult } from "lit";
import { keepFile } from "../download.ts";
import { count } from "../format.ts";
import { copyIcon, downloadIcon } from "../icons.ts";
import { PEOPLE } from "../people.ts";
import { LINK_LIVES, linkCount, linksText } from "../people-view.ts";
import { LinksRequest } from "../requests.ts";
import { base, buttons, complaints, fields, panel } from "../theme.ts";

/**
 * Makes one-time links, to be copied or kept as a text file. They are not kept
 * anywhere else.
 *
 * @fires cl-links-request - Make links, or forget those on screen.
 */
export class ClLinks extends LitElement {
  static override readonly properties = {
    links: { attribute: false },
    channel: { type: String },
    busy: { type: Boolean },
    complaint: { attribute: false },
    problem: { state: true },
    copied: { state: true },
  };
  static override readonly styles = [
    base,
    panel,
    buttons,
    fields,
    complaints,
    css`
      details > summary { cursor: pointer; list-style: none; display: flex; align-items: center; gap: 8px; min-height: 28px; }
      summary::-webkit-details-marker { display: none; }
      summary::after { content: ""; width: 7px; height: 7px; margin-left: auto; border: solid var(--cl-muted); border-width: 0 2px 2px 0; transform: rotate(45deg); }
      details[open] > summary::after { transform: rotate(225deg); }
      form { display: grid; grid-template-columns: minmax(0, 1fr) minmax(0, 1.3fr); gap: 8px; margin-top: 10px; align-items: end; }
      form button { grid-column: 1 / -1; }
      label { font-weight: 600; font-size: 13px; display: block; margin-bottom: 4px; }
      .problem { grid-column: 1 / -1; margin: 0; }
      textarea { margin-top: 12px; font: 12px / 1.5 ui-monospace, monospace; white-space: pre; overflow: auto; min-height: 96px; }
      .row { display: flex; flex-wrap: wrap; gap: 8px; margin-top: 8px; }
      .hint { font-size: 12.5px; color: var(--cl-muted); margin-top: 8px; }
      @media (pointer: coarse) { details > summary { min-height: 44px; } }
    `,
  ];

  /** Those that were made last; empty for none. */
  declare links: readonly string[];
  declare channel: string;
  declare busy: boolean;
  declare complaint: string | undefined;
  declare protected problem: string;
  declare protected copied: string;

  constructor() {
    super();
    this.links = [];
    this.channel = "";
    this.busy = false;
    this.problem = "";
    this.copied = "";
  }

  protected override render(): TemplateResult {
    return html`
      <section class="panel" aria-labelledby="links">
        <details data-testid="links">
          <summary><h2 id="links" class="label">One-time links</h2></summary>
          <p class="hint">Each link lets one person take part, on the first device that opens it. Send every guest another one.</p>
          <form novalidate @submit=${this.#submit}>
            <div>
              <label for="count">How many</label>
              <input type="number" id="count" data-testid="links-count" inputmode="numeric" min="1" max=${PEOPLE.maxLinks} value="10"
                aria-invalid=${this.problem !== ""} aria-describedby="count-problem" />
            </div>
            <div>
              <label for="life">Open within</label>
              <select id="life" data-testid="links-life">${LINK_LIVES.map(
                ([s, words], i) => html`<option value=${s} ?selected=${i === 1}>${words}</option>`,
              )}</select>
            </div>
            <p class="problem" id="count-problem" ?hidden=${this.problem === ""}>${this.problem}</p>
            <button data-testid="links-make" aria-busy=${this.busy} ?disabled=${this.busy}>${this.busy ? "Making…" : "Make links"}</button>
          </form>
          ${this.complaint === undefined ? nothing : html`<p class="complaint" role="alert">${this.complaint}</p>`}
          ${this.links.length === 0 ? nothing : this.#made()}
        </details>
      </section>`;
  }

  #made(): TemplateResult {
    const n = this.links.length;
    return html`
      <textarea readonly rows="5" data-testid="links-text" aria-label="${count(n)} ${n === 1 ? "link" : "links"}" .value=${linksText(this.links)}></textarea>
      <div class="row">
        <button data-testid="links-copy" @click=${() => this.#copy()}>${copyIcon} Copy ${n === 1 ? "it" : `all ${count(n)}`}</button>
        <button data-testid="links-download" @click=${() => this.#download()}>${downloadIcon} Download</button>
        <button class="quiet" data-testid="links-forget" @click=${() => this.dispatchEvent(new LinksRequest(0, 0))}>Forget them</button>
      </div>
      <p class="hint" role="status">${this.copied || "They are kept nowhere else: copy or download them before you leave this page."}</p>`;
  }

  readonly #submit = (event: Event): void => {
    event.preventDefault();
    if (this.busy) return;
    const field = this.renderRoot.querySelector("#count") as HTMLInputElement;
    const n = linkCount(field.value, PEOPLE.maxLinks);
    this.problem = typeof n === "string" ? n : "";
    this.copied = "";
    if (typeof n === "string") {
      field.focus();
      return;
    }
    const life = Number((this.renderRoot.querySelector("#life") as HTMLSelectElement).value);
    this.dispatchEvent(new LinksRequest(n, life));
  };

  async #copy(): Promise<void> {
    try {
      await navigator.clipboard.writeText(linksText(this.links));
      this.copied = "Copied.";
    } catch {
      (this.renderRoot.querySelector("textarea") as HTMLTextAreaElement).select();
      this.copied =
        "This browser does not let the page copy. They are selected: copy them with the keyboard.";
    }
  }

  #download(): void {
    keepFile(new Blob([linksText(this.links)], { type: "text/plain" }), `links-${this.channel}.txt`);
    this.copied = "Downloaded.";
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "cl-links": ClLinks;
  }
}
