/**
 * A viewer's heartbeat: when it is due. Pure; time is an argument.
 *
 * @module
 */
import type { Millis, StatusMessage } from "../core/index.ts";

const PERIOD = 10_000;
const GAP = 1000;

/** At once when the clock is synced, then every 10 s and at every change of class or visibility, at most once a second. */
export class Heartbeat {
  #sentAt = Number.NEGATIVE_INFINITY;
  #last: Pick<StatusMessage, "synced" | "class" | "visible" | "stuck"> | undefined;

  /** Whether `status` is to be sent now. */
  due(status: StatusMessage, now: Millis): boolean {
    const since = now - this.#sentAt;
    if (since < GAP || (this.#last === undefined && !status.synced)) return false;
    const last = this.#last;
    const changed =
      last?.synced !== status.synced ||
      last.class !== status.class ||
      last.visible !== status.visible ||
      last.stuck !== status.stuck;
    return changed || since >= PERIOD;
  }

  /** It was sent. */
  sent(status: StatusMessage, now: Millis): void {
    this.#sentAt = now;
    this.#last = status;
  }

  /** The socket is new: whoever listens now knows nothing. */
  reset(): void {
    this.#last = undefined;
  }
}
