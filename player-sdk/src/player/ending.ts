/**
 * The end of an event, and the wait for the next one.
 *
 * @module
 */

const CACHED = 2000; // ms after which a playlist that a cache kept is another
const ASK = 15_000; // ms between questions of who hears of nothing otherwise

/** What to do when there may be another event. */
export interface EndingOptions {
  /** Starts over from the playlist. */
  readonly reload: () => void;
}

/** Knows whether the event is over. */
export class Ending {
  readonly #options: EndingOptions;
  #over = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: EndingOptions) {
    this.#options = options;
  }

  /** Whether the event is over, and no other has begun. */
  get over(): boolean {
    return this.#over;
  }

  /**
   * The playlist says that it is over. Without a room nobody says when the next one begins, so the playlist is
   * asked now and then; where the room says that one is on air, the playlist is an old one.
   */
  begin(told: boolean, onAir: boolean): void {
    this.#over = true;
    clearTimeout(this.#timer);
    if (onAir || !told) this.#timer = setTimeout(() => this.#again(), onAir ? CACHED : ASK);
  }

  /** The room says whether the channel is on air. */
  onAir(live: boolean): void {
    if (live && this.#over) this.#again();
  }

  /** Waits no longer. */
  forget(): void {
    clearTimeout(this.#timer);
    this.#over = false;
  }

  #again(): void {
    this.forget();
    this.#options.reload();
  }
}
