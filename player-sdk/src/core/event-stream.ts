/**
 * Reads server-sent events from pieces of text as the network brings them.
 * Pure. Spec: HTML, 9.2.6 "Interpreting an event stream".
 *
 * @module
 */

/** One event. */
export interface StreamEvent {
  /** "message" unless it says otherwise. */
  readonly name: string;
  readonly data: string;
}

/** The event is larger than any message of the protocol. */
export class EventTooLargeError extends Error {
  override readonly name = "EventTooLargeError";
}

const MAX_EVENT = 4 * 1024 * 1024; // characters

/** Holds what has not become an event yet. One for each stream. */
export class EventReader {
  #rest = "";
  #name = "";
  #data: string[] = [];
  #size = 0;

  /**
   * Takes the next piece and returns the events that it completes. Comments complete none.
   *
   * @throws EventTooLargeError.
   */
  push(piece: string): StreamEvent[] {
    const lines = (this.#rest + piece).split(/\r\n|\n|\r(?!$)/);
    this.#rest = lines.pop() ?? "";
    const events: StreamEvent[] = [];
    for (const line of lines) {
      const event = line === "" ? this.#finish() : this.#field(line);
      if (event !== undefined) events.push(event);
    }
    if (this.#rest.length + this.#size > MAX_EVENT) throw new EventTooLargeError("an event of the stream");
    return events;
  }

  #field(line: string): undefined {
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "event") this.#name = value;
    if (field !== "data") return;
    this.#data.push(value);
    this.#size += value.length;
  }

  #finish(): StreamEvent | undefined {
    const event = { name: this.#name || "message", data: this.#data.join("\n") };
    const empty = this.#data.length === 0;
    this.#name = "";
    this.#data = [];
    this.#size = 0;
    return empty ? undefined : event;
  }
}
