/**
 * How far a channel's log of broadcasts has been read. Pure.
 *
 * @module
 */
import type { Resume, WelcomeMessage } from "./wire.ts";

/** Follows the offsets of one channel, over any number of sockets. */
export class LogPosition {
  #at: Resume | undefined;

  /** What hello says; undefined while nothing is known. */
  get resume(): Resume | undefined {
    return this.#at;
  }

  /** A resumed welcome goes on from here; any other one holds everything up to its own place. */
  welcome({ epoch, offset, resumed }: WelcomeMessage): void {
    if (resumed === true && this.#at !== undefined) return;
    this.#at = epoch === undefined ? undefined : { epoch, offset: offset ?? 0 };
  }

  /** A message of `offset` came. False if it was here before; one without an offset (0) never was. */
  take(offset: number): boolean {
    if (offset === 0 || this.#at === undefined) return true;
    if (offset <= this.#at.offset) return false;
    this.#at = { ...this.#at, offset };
    return true;
  }
}
