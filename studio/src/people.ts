/** Removing people from a channel, as the API has it: bans and one-time links. */
import { ShapeError } from "@cuelight/player/core";

/** Somebody who may not come back. */
export interface Ban {
  readonly participant: string;
  /** When it was banned, in µs on R. */
  readonly at_us: number;
  /** When it may come back, in µs on R; missing for never. */
  readonly until_us?: number;
  /** What the producer noted. */
  readonly reason?: string;
}

/** Limits, as the server has them. */
export const PEOPLE = { maxReason: 200, maxLinks: 1000 } as const;

/** Reads an answer of the API. @throws ShapeError */
export function readBans(value: unknown): readonly Ban[] {
  return listOf(value, "bans").map(readBan);
}

function readBan(value: unknown): Ban {
  const ban = value as Partial<Record<keyof Ban, unknown>> | null;
  if (typeof ban?.participant !== "string" || typeof ban.at_us !== "number") {
    throw new ShapeError("a ban has a participant and an instant");
  }
  return {
    participant: ban.participant,
    at_us: ban.at_us,
    ...(typeof ban.until_us === "number" ? { until_us: ban.until_us } : {}),
    ...(typeof ban.reason === "string" ? { reason: ban.reason } : {}),
  };
}

/** Reads an answer of the API. @throws ShapeError */
export function readLinks(value: unknown): readonly string[] {
  return listOf(value, "links").map((link) => {
    if (typeof link !== "string") throw new ShapeError("a link is a text");
    return link;
  });
}

/** Reads how many connections were closed. @throws ShapeError */
export function readClosed(value: unknown): number {
  const closed = (value as { closed?: unknown } | null)?.closed;
  if (typeof closed !== "number") throw new ShapeError("closed is a number");
  return closed;
}

function listOf(value: unknown, name: string): readonly unknown[] {
  const list = (value as Record<string, unknown> | null)?.[name];
  if (!Array.isArray(list)) throw new ShapeError(`${name} are a list`);
  return list;
}
