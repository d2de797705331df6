/**
 * Tells the server when a window that opened here closed on this screen.
 *
 * @module
 */
import {
  type ClosedMessage,
  type Cue,
  closesAt,
  localNow,
  type Micros,
  phaseOf,
  type RoomLink,
} from "../core/index.ts";

const SOON = 60_000; // ms that a timer sleeps at most

/** What a closer needs. */
export interface CloserOptions {
  readonly connection: RoomLink;
  /** Whether the window of a cue has opened here. */
  readonly opened: (cue: string) => boolean;
  /** The buttons have to go. */
  readonly show: () => void;
}

/** Watches C of every window that is open here. Create it, then {@link Closer.run} it once. */
export class Closer {
  readonly #options: CloserOptions;
  /** Cues that closed here. One that opens again, by an extension, leaves. */
  readonly #closed = new Set<string>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: CloserOptions) {
    this.#options = options;
  }

  /** Watches until `signal` aborts. */
  run({ signal }: { readonly signal: AbortSignal }): void {
    const { connection } = this.#options;
    connection.room.subscribe(() => this.look(), { signal });
    connection.onClock(() => this.look(), { signal });
    signal.addEventListener("abort", () => clearTimeout(this.#timer), { once: true });
    this.look();
  }

  /** Looks at every window; to be called when one has opened. */
  look(): void {
    clearTimeout(this.#timer);
    const { connection, opened } = this.#options;
    const now = connection.now();
    if (now === undefined) return;
    let next = Number.POSITIVE_INFINITY;
    for (const cue of connection.room.getState().cues.values()) {
      if (!opened(cue.id)) continue;
      const phase = phaseOf(cue, now);
      if (phase === "open" || phase === "paused" || phase === "waiting") {
        // Waiting: it was opened in the frame nearest to O, a moment before it.
        this.#closed.delete(cue.id);
        next = Math.min(next, closesAt(cue) ?? next);
      } else if (!this.#closed.has(cue.id)) this.#close(cue, now);
    }
    const local = next === Number.POSITIVE_INFINITY ? undefined : connection.clock.localAt(next as Micros);
    if (local === undefined) return;
    this.#timer = setTimeout(() => this.look(), Math.min(SOON, Math.max(0, Math.ceil(local - localNow()))));
  }

  #close(cue: Cue, now: Micros): void {
    this.#closed.add(cue.id);
    this.#options.show();
    const message: ClosedMessage = { t: "closed", cue: cue.id, rev: cue.rev, at_us: now };
    this.#options.connection.report(message);
  }
}
