/**
 * Answers on their way: each is sent again, unchanged, until the server has
 * spoken.
 *
 * @module
 */
import { backoff } from "./backoff.ts";
import type { AnswerMessage, RefusedMessage } from "./wire.ts";

const PATIENCE = 2000; // ms before an unheard answer is sent again; doubles to
const PATIENCE_CAP = 8000;
const RETRIES = 5; // of an answer that the server could not take just now

/** Refusals that pass by themselves: the same answer may be taken a moment later. */
const passing: ReadonlySet<string> = new Set(["busy", "unavailable", "too_many", "internal"]);

interface Entry {
  readonly answer: AnswerMessage;
  readonly timer: ReturnType<typeof setTimeout>;
  readonly retries: number;
}

/** What the outbox needs of the world. */
export interface OutboxOptions {
  readonly send: (answer: AnswerMessage) => void;
  readonly random: () => number;
}

/** Holds every answer without a receipt or a final refusal. Server-side, (cue, participant) makes it unique. */
export class Outbox {
  readonly #options: OutboxOptions;
  readonly #entries = new Map<string, Entry>();

  constructor(options: OutboxOptions) {
    this.#options = options;
  }

  /** Sends `answer` and goes on until it is settled. */
  submit(answer: AnswerMessage): void {
    this.#options.send(answer);
    this.#keep(answer, PATIENCE, 0);
  }

  /** The socket is new: what was sent on the old one may be lost. */
  resend(): void {
    for (const { answer, retries } of [...this.#entries.values()]) {
      this.#options.send(answer);
      this.#keep(answer, PATIENCE, retries);
    }
  }

  /** A receipt came. */
  settle(id: string): void {
    clearTimeout(this.#entries.get(id)?.timer);
    this.#entries.delete(id);
  }

  /** A refusal came. True if it is final; false if the answer will be sent again. */
  refused({ id, code }: RefusedMessage): boolean {
    const entry = this.#entries.get(id);
    if (entry === undefined || !passing.has(code) || entry.retries >= RETRIES) {
      this.settle(id);
      return true;
    }
    this.#keep(entry.answer, 250 + backoff(entry.retries, this.#options.random()), entry.retries + 1);
    return false;
  }

  /** Forgets everything. */
  clear(): void {
    for (const id of [...this.#entries.keys()]) this.settle(id);
  }

  #keep(answer: AnswerMessage, wait: number, retries: number): void {
    this.settle(answer.id);
    const timer = setTimeout(() => {
      this.#options.send(answer);
      this.#keep(answer, Math.min(PATIENCE_CAP, Math.max(PATIENCE, wait * 2)), retries);
    }, wait);
    this.#entries.set(answer.id, { answer, timer, retries });
  }
}
