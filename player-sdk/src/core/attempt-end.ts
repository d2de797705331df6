/**
 * How a connection ended. Pure.
 *
 * @module
 */
import { closeReason, reconnects, sentence } from "./close.ts";
import { type Millis, millis } from "./units.ts";
import type { ByeMessage } from "./wire.ts";

/** The client left: RFC 6455 §7.4.1. */
export const CLOSE_GOING_AWAY = 1001;
/** There was no close frame: RFC 6455 §7.1.5. */
export const CLOSE_ABNORMAL = 1006;

/** Who ended a connection: the other end or the network; this side; this side, for the sake of the next one. */
export type EndedBy = "them" | "us" | "hurry";

/** How a connection ended, and what follows. */
export interface End {
  readonly code: number;
  readonly reason: string;
  readonly reconnect: boolean;
  /** Not to come back sooner. */
  readonly after: Millis;
  /** It was ended by the server's word. */
  readonly orderly: boolean;
  /** It was given up for the sake of the next one, which begins at once. */
  readonly hurried: boolean;
  /** Another server that the bye named. */
  readonly to: string | undefined;
}

/** The end by `code`, as an earlier bye explains it. */
export function endOf(code: number, bye: ByeMessage | undefined, by: EndedBy = "them"): End {
  const orderly = bye !== undefined || (by === "them" && code >= 4000);
  const hurried = by === "hurry";
  if (bye === undefined) {
    const reconnect = reconnects(code);
    return { code, reason: closeReason(code), reconnect, after: millis(0), orderly, hurried, to: undefined };
  }
  const { reason, reconnect, after_ms = millis(0) } = bye;
  return {
    code: bye.code,
    reason: sentence(reason) || closeReason(bye.code),
    reconnect,
    after: after_ms,
    orderly,
    hurried: hurried && after_ms === 0,
    to: bye.try,
  };
}
