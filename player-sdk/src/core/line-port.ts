/**
 * What two threads say to each other about a line between them.
 *
 * @module
 */
import type { ClockSample } from "./clock.ts";
import type { Identity, LineTarget, Wake } from "./line.ts";
import type { Link } from "./room.ts";
import type { Micros, Millis } from "./units.ts";
import type { ClientMessage, ServerMessage } from "./wire.ts";

/** From the page to the thread of the socket. */
export type LineRequest =
  | { readonly do: "run"; readonly target: LineTarget; readonly identity: Identity }
  | { readonly do: "identify"; readonly identity: Identity }
  | { readonly do: "send"; readonly message: ClientMessage }
  | { readonly do: "expect"; readonly openings: readonly Micros[] }
  | { readonly do: "wake"; readonly why: Wake }
  /** What is your clock? */
  | { readonly do: "time"; readonly sentAt: Millis };

/** From the thread of the socket to the page. Times are of that thread's clock. */
export type LineEvent =
  /** The thread runs. */
  | { readonly is: "ready" }
  | { readonly is: "message"; readonly message: ServerMessage }
  | { readonly is: "link"; readonly link: Link }
  | { readonly is: "sample"; readonly sample: ClockSample; readonly epoch: number }
  | { readonly is: "reset" }
  | { readonly is: "denied" }
  | { readonly is: "warning"; readonly message: string; readonly cause: string }
  /** Answers `time`: what that asked with, and the clock. */
  | { readonly is: "time"; readonly sentAt: Millis; readonly at: Millis }
  /** The line ended. */
  | { readonly is: "over" };

/** One end of a pair of threads that talk. */
export interface Port<In, Out> {
  postMessage(message: Out): void;
  onmessage: ((event: MessageEvent<In>) => void) | null;
}
