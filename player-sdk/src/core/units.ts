/**
 * Units of time. A number with a brand does not fit where another is wanted;
 * the functions of the same name give a number its brand and convert nothing.
 *
 * @module
 */

/** Milliseconds: durations, and readings of this device's monotonic clock. */
export type Millis = number & { readonly __unit: "ms" };

/** Microseconds: instants on the room clock R (since the Unix epoch, exact below 2^53) and durations. */
export type Micros = number & { readonly __unit: "µs" };

/** Media timestamps of the channel, in units of its timeline's scale. May have a fraction. */
export type Ticks = number & { readonly __unit: "ticks" };

/** Seconds on the media element's own time axis (`currentTime`, `mediaTime`). */
export type Seconds = number & { readonly __unit: "s" };

/** Says that `n` is in milliseconds. */
export const millis = (n: number): Millis => n as Millis;

/** Says that `n` is in microseconds. */
export const micros = (n: number): Micros => n as Micros;

/** Says that `n` is in ticks of a timeline. */
export const ticks = (n: number): Ticks => n as Ticks;

/** Says that `n` is in seconds of a media element. */
export const seconds = (n: number): Seconds => n as Seconds;

/** Converts milliseconds to microseconds. */
export const microsOf = (ms: Millis): Micros => (ms * 1000) as Micros;

/** Converts microseconds to milliseconds. */
export const millisOf = (us: Micros): Millis => (us / 1000) as Millis;

/** `n`, but not below `low` nor above `high`. */
export const clamp = (n: number, low: number, high: number): number => Math.min(high, Math.max(low, n));
