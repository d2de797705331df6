/** Events and recordings in words. Pure. */
import type { HealthMessage } from "@cuelight/player/core";
import type { Recording } from "./api.ts";
import { elapsed } from "./format.ts";
import { dayAndTime } from "./schedule.ts";

/** Whether the event is over and the next one has not begun. */
export const hasEnded = (h: HealthMessage | undefined): boolean => h?.ended === true;

/** A size: `812 MB`, `1.62 GB`. */
export function size(bytes: number): string {
  if (bytes >= 1e9) return `${(bytes / 1e9).toFixed(2)}\u00a0GB`;
  if (bytes >= 1e6) return `${Math.round(bytes / 1e6)}\u00a0MB`;
  return `${Math.round(bytes / 1e3)}\u00a0kB`;
}

/** When a recording began. */
export const began = (r: Recording): string => dayAndTime(r.started_at_us);

/** Length and size: `1:30:01 · 1.62 GB`. */
export const extent = (r: Recording): string => `${elapsed(r.duration_ms / 1000)} · ${size(r.bytes)}`;

/** Where it plays: only a path of this server is followed. */
export const address = (r: Recording): string | undefined =>
  r.url.startsWith("/") && !r.url.startsWith("//") ? r.url : undefined;
