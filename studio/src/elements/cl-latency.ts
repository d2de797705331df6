import type { NextLatency } from "@cuelight/player/core";
import { css, html, LitElement, nothing, type PropertyValues, type TemplateResult } from "lit";
import { seconds } from "../format.ts";
import { LatencyRequest } from "../requests.ts";
import { base, buttons, complaints, fields, panel } from "../theme.ts";
import { Ticker } from "../ticker.ts";
import type { RoomNow } from "./cl-countdown.ts";

/** How much one press changes, in ms. */
const STEP_MS = 500;
const LONGEST_MS = 60_000;

/**
 * The channel's target latency: how far behind the camera every screen is.
 *
 * @fires cl-latency-request - Change it for everybody.
 */
export class ClLatency extends LitElement {
  static override readonly properties = {
    latencyMs: { attribute: false },
    next: { attribute: false },
    now: { attribute: false },
    busy: { type: Boolean },
    complaint: { attribute: false },
    wanted: { state: true },
  };
  static override readonly styles = [
    base,
    panel,
    buttons,
    fields,
    complaints,
    css`
      .big { font-size: 26px; font-weight: 750; line-height: 1.2; letter-spacing: -0.01em; }
      .coming { color: var(--cl-wait); font-weight: 550; }
      form { display: grid; grid-template-columns: auto minmax(0, 1fr) auto; gap: 6px; margin-top: 10px; }
      form button { padding: 6px 12px; }
      .set { grid-column: 1 / -1; }
      .unit { position: relative; }
      .unit input { padding-right: 26px; text-align: center; appearance: textfield; }
      .unit input::-webkit-inner-spin-button { appearance: none; }
      .unit span { position: absolute; right: 10px; top: 50%; transform: translateY(-50%); color: var(--cl-muted); }
      .hint { font-size: 12.5px; margin-top: 8px; text-wrap: pretty; }
    `,
  ];

  /** Target latency now; undefined while not known. */
  declare latencyMs: number | undefined;
  /** A change of it that has been announced. */
  declare next: NextLatency | undefined;
  declare now: RoomNow | undefined;
  declare busy: boolean;
  declare complaint: string | undefined;
  /** What is written in the field, in seconds; undefined while nobody has written. */
  declare protected wanted: string | undefined;

  constructor() {
    super();
    this.busy = false;
    new Ticker(this, 100, () => this.#coming() > 0);
  }

  /** The field shows what holds again once a wish came true. */
  protected override willUpdate(changed: PropertyValues<this>): void {
    if (changed.has("latencyMs") && changed.get("latencyMs") !== undefined) this.wanted = undefined;
  }

  protected override render(): TemplateResult {
    const ms = this.#wantedMs();
    const fits = ms !== undefined && ms > 0 && ms <= LONGEST_MS;
    return html`
      <section class="panel" aria-labelledby="heading">
        <h2 id="heading" class="label">Target latency</h2>
        <p><b class="big number" data-testid="latency" data-value=${this.latencyMs ?? ""}>${this.latencyMs === undefined ? "–" : seconds(this.latencyMs / 1000)}</b>
          <span class="muted">behind the camera, on every screen</span></p>
        ${this.#news()}
        <form @submit=${this.#submit}>
          <button type="button" aria-label="Half a second less" data-testid="latency-less" ?disabled=${this.busy || ms === undefined || ms <= STEP_MS} @click=${() => this.#step(-STEP_MS)}>−</button>
          <label class="unit"><span class="hidden-text">Seconds</span>
            <input type="number" data-testid="latency-wanted" inputmode="decimal" min="0.5" max="60" step="0.1" aria-invalid=${ms !== undefined && !fits}
              .value=${this.#text()} @input=${(e: Event) => this.#typed(e)} /><span aria-hidden="true">s</span></label>
          <button type="button" aria-label="Half a second more" data-testid="latency-more" ?disabled=${this.busy || ms === undefined || ms >= LONGEST_MS} @click=${() => this.#step(STEP_MS)}>+</button>
          <button class="set primary" data-testid="latency-set" aria-busy=${this.busy} ?hidden=${!this.busy && !this.#changes(ms)}
            ?disabled=${this.busy || !fits}>${this.busy ? "Asking…" : `Change for everybody${fits ? ` to ${seconds(ms / 1000)}` : ""}`}</button>
        </form>
        ${this.complaint === undefined ? html`<p class="muted hint">Longer holds more viewers, shorter answers sooner. Not while a cue is armed or open.</p>` : html`<p class="complaint" role="alert" data-testid="latency-complaint">${this.complaint}</p>`}
      </section>`;
  }

  /** µs until the announced change. */
  #coming(): number {
    const now = this.now?.();
    return this.next === undefined || now === undefined ? 0 : this.next.at_us - now;
  }

  /** A screen reader is told of the change once, not as it comes nearer. */
  #news(): TemplateResult {
    const left = Math.max(0, Math.ceil(this.#coming() / 100_000) / 10);
    const to =
      this.next === undefined ? "" : `Becomes ${seconds(this.next.latency_ms / 1000)}. Players glide there.`;
    return html`
      <p class="coming number" data-testid="latency-next"><span role="status">${to}</span>
        ${left > 0 ? html`<span aria-hidden="true">In ${left.toFixed(1)}\u00a0s.</span>` : nothing}</p>`;
  }

  #text(): string {
    return this.wanted ?? (this.latencyMs === undefined ? "" : String(this.latencyMs / 1000));
  }

  #wantedMs(): number | undefined {
    const text = this.#text().trim();
    const ms = Math.round(Number(text) * 1000);
    return text === "" || !Number.isFinite(ms) ? undefined : ms;
  }

  #changes(ms: number | undefined): boolean {
    return this.latencyMs !== undefined && ms !== (this.next?.latency_ms ?? this.latencyMs);
  }

  #step(by: number): void {
    const ms = (this.#wantedMs() ?? this.latencyMs ?? 0) + by;
    this.wanted = String(Math.min(LONGEST_MS, Math.max(STEP_MS, ms)) / 1000);
  }

  #typed(event: Event): void {
    this.wanted = (event.target as HTMLInputElement).value;
  }

  readonly #submit = (event: Event): void => {
    event.preventDefault();
    const ms = this.#wantedMs();
    if (ms !== undefined && !this.busy) this.dispatchEvent(new LatencyRequest(ms));
  };
}

declare global {
  interface HTMLElementTagNameMap {
    "cl-latency": ClLatency;
  }
}
