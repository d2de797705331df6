/**
 * Which way to the server is taken: a WebSocket, or a stream over HTTP where
 * the network breaks WebSockets. Pure; time is an argument.
 *
 * @module
 */
import type { Millis } from "./units.ts";

/** A way to the server. */
export type Transport = "socket" | "stream";

/** Which ways may be taken: "auto" takes the stream only where the socket does not work. */
export const TRANSPORT_SETTINGS = ["auto", "socket", "stream"] as const;

/** One of {@link TRANSPORT_SETTINGS}. */
export type TransportSetting = (typeof TRANSPORT_SETTINGS)[number];

/** What an attempt came to. */
export interface AttemptEnd {
  readonly transport: Transport;
  /** The server said welcome. */
  readonly welcomed: boolean;
  /** How long the connection lasted, from dialling. */
  readonly lasted: Millis;
  /** It ended by the server's word: whatever lies between lets sockets through. */
  readonly orderly: boolean;
  /** The device has a network at all, as far as it knows. */
  readonly online: boolean;
}

const HEALTHY = 5000; // ms that a socket must last to be one that works here
const FAILURES = 2; // in a row, after which the stream is tried
const PATIENCE = 180_000; // ms until the socket is tried again; doubles to
const PATIENCE_CAP = 1_800_000;

/** Remembers what worked on the network that the device is in. */
export class TransportChoice {
  readonly #setting: TransportSetting;
  #proven = false; // a socket worked here: what fails now is the server or the line
  #failures = 0;
  #streaming = false;
  #retryAt = Number.POSITIVE_INFINITY;
  #patience = PATIENCE;

  constructor(setting: TransportSetting = "auto") {
    this.#setting = setting;
  }

  /** The way to take at `now`. */
  next(now: Millis): Transport {
    if (this.#setting !== "auto") return this.#setting;
    return this.#streaming && !this.due(now) ? "stream" : "socket";
  }

  /** Whether a stream should make way for another try of the socket. */
  due(now: Millis): boolean {
    return this.#streaming && now >= this.#retryAt;
  }

  /** An attempt ended at `now`. */
  ended(end: AttemptEnd, now: Millis): void {
    if (this.#setting !== "auto") return;
    if (end.transport === "stream") this.#streamEnded(end);
    else if (end.orderly || (end.welcomed && end.lasted >= HEALTHY)) this.#works();
    else if (end.online && !this.#proven) this.#fails(now);
  }

  /** A stream that brings nothing either is no way out: the server is away. */
  #streamEnded({ welcomed }: AttemptEnd): void {
    if (!welcomed) this.#forget();
  }

  #works(): void {
    this.#forget();
    this.#proven = true;
  }

  #fails(now: Millis): void {
    this.#failures++;
    if (!this.#streaming && this.#failures < FAILURES) return;
    this.#streaming = true;
    this.#retryAt = now + this.#patience;
    this.#patience = Math.min(PATIENCE_CAP, this.#patience * 2);
  }

  #forget(): void {
    this.#failures = 0;
    this.#streaming = false;
    this.#retryAt = Number.POSITIVE_INFINITY;
    this.#patience = PATIENCE;
  }

  /** The device is in another network, perhaps: the socket gets one more chance at once. */
  networkChanged(now: Millis): void {
    this.#proven = false;
    if (!this.#streaming) this.#failures = 0;
    else this.#retryAt = now;
    this.#patience = PATIENCE;
  }
}
