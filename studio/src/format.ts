/** Numbers as a producer reads them at a glance. Pure: no locale of the machine, so that a screenshot says the same everywhere. */

const nonBreaking = "\u00a0";
const minus = "\u2212";

/** `12 345`: groups of three, with a narrow space. */
export const count = (n: number): string =>
  Math.round(n)
    .toString()
    .replace(/\B(?=(\d{3})+$)/gu, "\u202f");

/** A part of a whole in whole per cent; 0 of 0 is 0. */
export const percent = (part: number, whole: number): number =>
  whole > 0 ? Math.round((part / whole) * 100) : 0;

/** Seconds that run down: `12.3 s` below a minute, `2:05` from there. Never below zero. */
export function countdown(ms: number): string {
  const left = Math.max(0, ms);
  if (left < 60_000) return `${(Math.floor(left / 100) / 10).toFixed(1)}${nonBreaking}s`;
  const seconds = Math.floor(left / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

/** A planned length: `20 s`, `1 min 30 s`, `10 min`. */
export function windowLength(ms: number): string {
  const seconds = ms / 1000;
  if (seconds < 60) return `${trimZero(seconds, 1)}${nonBreaking}s`;
  const minutes = Math.floor(seconds / 60);
  const rest = Math.round(seconds % 60);
  return `${minutes}${nonBreaking}min${rest > 0 ? ` ${rest}${nonBreaking}s` : ""}`;
}

/** How long something has lasted: `1:23:45`, `4:05`. */
export function elapsed(seconds: number): string {
  const s = Math.max(0, Math.floor(seconds));
  const two = (n: number): string => String(n).padStart(2, "0");
  const hours = Math.floor(s / 3600);
  const minutes = Math.floor(s / 60) % 60;
  return hours > 0 ? `${hours}:${two(minutes)}:${two(s % 60)}` : `${minutes}:${two(s % 60)}`;
}

/** Bits a second: `2.5 Mbit/s`, `96 kbit/s`. */
export function bitrate(bits: number): string {
  if (bits >= 1e6) return `${(bits / 1e6).toFixed(1)}${nonBreaking}Mbit/s`;
  return `${Math.round(bits / 1e3)}${nonBreaking}kbit/s`;
}

/** A small span given in µs, as ms: `6.1 ms` below ten, `31 ms` above, `1.20 s` from a second. */
export function spread(us: number): string {
  const ms = us / 1000;
  if (ms >= 1000) return `${(ms / 1000).toFixed(2)}${nonBreaking}s`;
  return `${ms < 9.95 ? ms.toFixed(1) : Math.round(ms)}${nonBreaking}ms`;
}

/** Milliseconds: `1.8 ms` below ten, `43 ms` above, `1.20 s` from a second. */
export const millis = (ms: number): string => spread(ms * 1000);

/** A share of 1 in per cent: `1.3 %`, `24 %`, `0 %`. */
export function share(of1: number): string {
  const value = of1 * 100;
  return `${trimZero(value, value < 9.95 ? 1 : 0)}${nonBreaking}%`;
}

/** A signed rate in parts per million: `−12.4 ppm`. */
export function ppm(value: number): string {
  const text = Math.abs(value).toFixed(1);
  const sign = Number(text) === 0 ? "" : value < 0 ? minus : "+";
  return `${sign}${text}${nonBreaking}ppm`;
}

/** A length in seconds with at most one decimal: `2 s`, `2.5 s`. */
export const seconds = (s: number): string => `${trimZero(s, 1)}${nonBreaking}s`;

/** The letter by which people name an option: A, B, C… */
export const letter = (index: number): string => String.fromCharCode(65 + index);

const trimZero = (n: number, digits: number): string => String(Number(n.toFixed(digits)));
