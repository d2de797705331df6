/**
 * Opens each cue's window at O by the room clock, on the display frame nearest
 * to it. Rules OP… are in SPEC.md.
 *
 * @module
 */
import {
  type Connection,
  type Cue,
  localNow,
  type Micros,
  type Millis,
  micros,
  millis,
  type OpenedMessage,
  phaseOf,
  type SyncClass,
} from "../core/index.ts";

/** How a window opened. */
export interface Opening extends OpenedMessage {
  /** O, when it should have. */
  readonly o_us: Micros;
}

/** What the opener needs of the screen. */
export interface OpenerOptions {
  readonly connection: Connection;
  /** Makes the cue visible in the display frame that is being prepared. */
  readonly show: (cue: Cue) => void;
  /** P of the frame on screen. */
  readonly shownInstant: () => Micros | undefined;
  readonly class: () => SyncClass;
  /** A window opened. */
  readonly opened?: (opening: Opening) => void;
}

const WAKE_BEFORE = 50; // ms before O in which display frames are watched
const USABLE = 250_000; // µs: a clock worse than this does not decide
const KEY_LEAD = 400; // ms between the text and O, as the server keeps it: for who has no usable clock
const USUAL_FRAME = 1000 / 60;

/** Opens windows. Create it, then {@link Opener.run} it once. */
export class Opener {
  readonly #options: OpenerOptions;
  readonly #done = new Set<string>();
  readonly #late = new Set<string>();
  readonly #seen = new Set<string>();
  readonly #keyedAt = new Map<string, Millis>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #frame = 0;
  #frameLength = USUAL_FRAME;
  #lastFrame = 0;

  constructor(options: OpenerOptions) {
    this.#options = options;
  }

  /** Whether the window of this cue has opened here. */
  hasOpened(cue: string): boolean {
    return this.#done.has(cue);
  }

  /** Opens windows until `signal` aborts. */
  run({ signal }: { readonly signal: AbortSignal }): void {
    const { connection } = this.#options;
    const arm = (): void => this.#arm();
    connection.room.subscribe(arm, { signal });
    connection.onClock(arm, { signal });
    document.addEventListener("visibilitychange", () => this.#visible(), { signal });
    signal.addEventListener("abort", () => this.#disarm(), { once: true });
    this.#arm();
  }

  #disarm(): void {
    clearTimeout(this.#timer);
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
  }

  /** Looks at what is ahead and sleeps until shortly before it. */
  #arm(): void {
    clearTimeout(this.#timer);
    const wait = Math.min(...this.#pending().map((cue) => this.#dueAt(cue) - localNow()));
    if (wait === Number.POSITIVE_INFINITY) return;
    if (wait > WAKE_BEFORE) this.#timer = setTimeout(() => this.#arm(), wait - WAKE_BEFORE);
    else if (this.#frame === 0) this.#watchFrames();
  }

  #pending(): Cue[] {
    const cues = [...this.#options.connection.room.getState().cues.values()];
    return cues.filter((cue) => !this.#done.has(cue.id) && this.#note(cue));
  }

  /** Notes since when the cue is known; false if there is nothing to open. */
  #note(cue: Cue): boolean {
    const now = this.#options.connection.now();
    const phase = phaseOf(cue, now ?? micros(0));
    const opens = phase === "waiting" || phase === "open";
    if (!opens || cue.o_us === undefined) return false;
    if (!this.#seen.has(cue.id) && now !== undefined) {
      this.#seen.add(cue.id);
      if (phase === "open") this.#late.add(cue.id);
    }
    if (cue.text !== undefined && !this.#keyedAt.has(cue.id)) this.#keyedAt.set(cue.id, localNow());
    return true;
  }

  /** When to open, on this device's clock; Infinity while there is no text to show. */
  #dueAt(cue: Cue): number {
    const keyedAt = this.#keyedAt.get(cue.id);
    if (keyedAt === undefined) return Number.POSITIVE_INFINITY;
    const { clock } = this.#options.connection;
    const usable = clock.dispersion(localNow()) <= USABLE;
    const opensAt = usable && cue.o_us !== undefined ? clock.localAt(cue.o_us) : undefined;
    if (opensAt !== undefined) return opensAt;
    return cue.state === "open" ? keyedAt : keyedAt + KEY_LEAD;
  }

  #watchFrames(): void {
    this.#lastFrame = 0;
    const onFrame = (at: number): void => {
      this.#frame = 0;
      this.#measure(at);
      const visibleAt = at + this.#frameLength;
      for (const cue of this.#pending()) {
        if (visibleAt + this.#frameLength / 2 >= this.#dueAt(cue)) this.#open(cue, millis(visibleAt));
      }
      if (this.#pending().some((cue) => this.#dueAt(cue) - localNow() <= WAKE_BEFORE)) {
        this.#frame = requestAnimationFrame(onFrame);
      } else this.#arm();
    };
    this.#frame = requestAnimationFrame(onFrame);
  }

  /** No frames come while the tab is hidden: a window that is seen on return is no measure of O. */
  #visible(): void {
    if (document.visibilityState === "hidden") return;
    for (const cue of this.#pending()) if (this.#dueAt(cue) < localNow()) this.#late.add(cue.id);
    this.#arm();
  }

  #measure(at: number): void {
    const length = at - this.#lastFrame;
    if (this.#lastFrame > 0 && length > 2 && length < 2 * USUAL_FRAME) this.#frameLength = length;
    this.#lastFrame = at;
  }

  #open(cue: Cue, visibleAt: Millis): void {
    this.#done.add(cue.id);
    this.#options.show(cue);
    const { connection } = this.#options;
    const at = connection.clock.at(visibleAt);
    if (at === undefined) return;
    const frame = this.#options.shownInstant();
    const opened: OpenedMessage = {
      t: "opened",
      cue: cue.id,
      rev: cue.rev,
      at_us: at,
      ...(frame === undefined ? {} : { frame_us: frame }),
      disp_us: connection.dispersion(),
      class: this.#options.class(),
      ...(this.#late.has(cue.id) ? { late: true } : {}),
    };
    connection.report(opened);
    this.#options.opened?.({ ...opened, o_us: cue.o_us ?? at });
  }
}
