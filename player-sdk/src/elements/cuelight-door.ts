import { css, html, LitElement, nothing, type PropertyValues, type TemplateResult } from "lit";
import { MAX_PIN } from "../core/index.ts";
import type { DoorView } from "./door-view.ts";
import { PinRequest } from "./events.ts";
import { theme } from "./theme.ts";

/**
 * Says why a viewer is not let in, and takes the PIN where one is wanted.
 * State comes down in `view`, wishes go up as events.
 *
 * @fires cuelight-pin-request - The viewer typed a PIN.
 * @csspart card - The card.
 */
export class CuelightDoor extends LitElement {
  static override readonly properties = {
    view: { attribute: false, hasChanged: differs },
    busy: { state: true },
  };
  static override readonly styles = [
    theme,
    css`
      :host {
        display: block;
        position: relative; /* above the picture */
      }

      .card,
      .words {
        display: grid;
        gap: 6px;
      }

      .card {
        gap: 14px;
        padding: 18px 20px 20px;
        border: 1px solid var(--_line);
        border-radius: var(--_radius);
        background: var(--_surface);
        box-shadow: var(--cuelight-shadow, 0 10px 40px rgb(0 0 0 / 35%));
      }

      h2,
      p {
        margin: 0;
      }

      h2 {
        font-size: 1.2rem;
        font-weight: 650;
        line-height: 1.3;
        text-wrap: balance;
      }

      p {
        color: var(--_muted);
        line-height: 1.5;
      }

      form {
        display: grid;
        grid-template-columns: minmax(0, 1fr) auto;
        gap: 6px 10px;
      }

      label,
      .error {
        grid-column: 1 / -1;
      }

      label {
        font-weight: 600;
      }

      input {
        min-width: 0;
        min-height: 48px;
        padding: 0 14px;
        border: 1.5px solid var(--_muted);
        border-radius: 10px;
        background: var(--_surface);
        color: inherit;
        font: inherit;
        font-size: 1.15rem;
        font-variant-numeric: tabular-nums;
        letter-spacing: 0.08em;
      }

      input[aria-invalid="true"] {
        border-color: var(--_bad);
      }

      button {
        min-height: 48px;
        padding: 0 22px;
        border: 0;
        border-radius: 10px;
        background: var(--_accent);
        color: var(--_on-accent);
        font-weight: 650;
        cursor: pointer;
        touch-action: manipulation;
      }

      button:disabled {
        opacity: 0.6;
        cursor: default;
      }

      button.back {
        justify-self: start;
      }

      .error {
        color: var(--_bad);
        font-weight: 550;
      }
    `,
  ];

  /** What to say; undefined for nothing. */
  declare view: DoorView | undefined;
  /** The server looks at what was typed. */
  declare private busy: boolean;

  constructor() {
    super();
    this.busy = false;
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    if (changed.has("view") && this.view !== undefined) this.busy = false;
  }

  protected override updated(changed: PropertyValues<this>): void {
    if (changed.has("view") && this.view?.error) this.renderRoot.querySelector("input")?.select();
  }

  protected override render(): TemplateResult | typeof nothing {
    const { view } = this;
    if (view === undefined) return nothing;
    return html`
      <section part="card" class="card" aria-labelledby="title" data-testid="door" data-way=${view.way}>
        <div class="words" role="alert">
          <h2 id="title">${view.title}</h2>
          <p>${view.text}</p>
        </div>
        ${view.way === "pin" ? this.#form(this.busy ? "" : view.error) : nothing}
        ${view.way === "reload" ? this.#back() : nothing}
      </section>`;
  }

  #form(error: string): TemplateResult {
    return html`
      <form novalidate @submit=${(event: SubmitEvent) => this.#submit(event)}>
        <label for="pin">PIN</label>
        <input
          id="pin"
          name="pin"
          data-testid="pin"
          autocomplete="one-time-code"
          autocapitalize="off"
          spellcheck="false"
          enterkeyhint="go"
          maxlength=${MAX_PIN}
          aria-invalid=${error === "" ? "false" : "true"}
          aria-describedby="error"
        />
        <button type="submit" ?disabled=${this.busy} data-testid="pin-enter">${this.busy ? "Looking…" : "Enter"}</button>
        <p class="error" id="error" role="alert" ?hidden=${error === ""} data-testid="pin-error">${error}</p>
      </form>`;
  }

  #back(): TemplateResult {
    return html`
      <button class="back" type="button" data-testid="door-reload" @click=${() => location.reload()}>Reload</button>`;
  }

  #submit(event: SubmitEvent): void {
    event.preventDefault();
    const input = this.renderRoot.querySelector("input");
    const pin = input?.value.trim() ?? "";
    if (pin === "") {
      input?.focus();
      return;
    }
    this.busy = true;
    this.dispatchEvent(new PinRequest(pin));
  }
}

/** Views are made afresh ten times a second and are mostly the same. */
function differs(a: DoorView | undefined, b: DoorView | undefined): boolean {
  return JSON.stringify(a) !== JSON.stringify(b);
}

declare global {
  interface HTMLElementTagNameMap {
    "cuelight-door": CuelightDoor;
  }
}
