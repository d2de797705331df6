/**
 * Answers on their way: each is sent again, unchanged, until the server has
 * spoken.
 *
 * @module
 */
import { backoff } from "./backoff.ts";
import { type Millis, millis } from "./units.ts";
import type { AnswerMessage, RefusedMessage } from "./wire.ts";

// ms before an unheard answer is sent again, doubling: a connection that holds loses nothing, so a server that is
// busy is not made busier. After a reconnect it is sent again at once.
const PATIENCE = 5000;
const PATIENCE_CAP = 10_000;
const RETRIES = 5; // of an answer that the server could not take just now

/** Refusals that pass by themselves: the same answer may be taken a moment later. */
const passing: ReadonlySet<string> = new Set(["busy", "unavailable", "too_many", "internal"]);

interface Entry {
  readonly answer: AnswerMessage;
  readonly timer: ReturnType<typeof setTimeout>;
  readonly retries: number;
  /** It has not been sent yet. */
  readonly waits: boolean;
}

/** What the outbox needs of the world. */
export interface OutboxOptions {
  readonly send: (answer: AnswerMessage) => void;
  readonly random: () => number;
  /** What it holds has changed. Default: nobody wants to know. */
  readonly changed?: (answers: readonly AnswerMessage[]) => void;
}

/** Holds every answer without a receipt or a final refusal. Server-side, (cue, participant) makes it unique. */
export class Outbox {
  readonly #options: OutboxOptions;
  readonly #entries = new Map<string, Entry>();

  constructor(options: OutboxOptions) {
    this.#options = options;
  }

  /** The answers that no receipt or final refusal came for, oldest first. */
  get answers(): readonly AnswerMessage[] {
    return [...this.#entries.values()].map(({ answer }) => answer);
  }

  /**
   * Sends `answer` after `delay` and goes on until it is settled. It takes the
   * place of an earlier one to the same cue.
   */
  submit(answer: AnswerMessage, delay: Millis = millis(0)): void {
    for (const { answer: earlier } of [...this.#entries.values()]) {
      if (earlier.cue === answer.cue) this.#forget(earlier.id);
    }
    if (delay > 0) this.#keep(answer, delay, 0, true);
    else this.#send(answer, PATIENCE, 0);
    this.#options.changed?.(this.answers);
  }

  /** Sends at once what waits for its time. */
  flush(): void {
    for (const { answer, waits } of [...this.#entries.values()]) {
      if (waits) this.#send(answer, PATIENCE, 0);
    }
  }

  /** The socket is new: what was sent on the old one may be lost. */
  resend(): void {
    for (const { answer, retries, waits } of [...this.#entries.values()]) {
      if (!waits) this.#send(answer, PATIENCE, retries);
    }
  }

  /** A receipt came. */
  settle(id: string): void {
    if (this.#forget(id)) this.#options.changed?.(this.answers);
  }

  /** A refusal came. True if it is final; false if the answer will be sent again. */
  refused({ id, code }: RefusedMessage): boolean {
    const entry = this.#entries.get(id);
    if (entry === undefined || !passing.has(code) || entry.retries >= RETRIES) {
      this.settle(id);
      return true;
    }
    const wait = 250 + backoff(entry.retries, this.#options.random());
    this.#keep(entry.answer, wait, entry.retries + 1, false);
    return false;
  }

  /** Stops sending, and tells nobody. */
  clear(): void {
    for (const id of [...this.#entries.keys()]) this.#forget(id);
  }

  #forget(id: string): boolean {
    clearTimeout(this.#entries.get(id)?.timer);
    return this.#entries.delete(id);
  }

  #send(answer: AnswerMessage, patience: number, retries: number): void {
    this.#options.send(answer);
    this.#keep(answer, patience, retries, false);
  }

  /** Sends after `wait`; what was sent once is given twice the time for the next try. */
  #keep(answer: AnswerMessage, wait: number, retries: number, waits: boolean): void {
    clearTimeout(this.#entries.get(answer.id)?.timer);
    const patience = waits ? PATIENCE : Math.min(PATIENCE_CAP, Math.max(PATIENCE, wait * 2));
    const timer = setTimeout(() => this.#send(answer, patience, retries), wait);
    this.#entries.set(answer.id, { answer, timer, retries, waits });
  }
}
