/** Renders an element again and again while something on it depends on the time. */
import type { ReactiveController, ReactiveControllerHost } from "lit";

/** Asks its host for a render every `every` ms while `needed` says so. */
export class Ticker implements ReactiveController {
  readonly #host: ReactiveControllerHost;
  readonly #every: number;
  readonly #needed: () => boolean;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(host: ReactiveControllerHost, every: number, needed: () => boolean) {
    this.#host = host;
    this.#every = every;
    this.#needed = needed;
    host.addController(this);
  }

  hostUpdated(): void {
    if (this.#timer !== undefined || !this.#needed()) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#host.requestUpdate();
    }, this.#every);
  }

  hostConnected(): void {
    this.#host.requestUpdate();
  }

  hostDisconnected(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
