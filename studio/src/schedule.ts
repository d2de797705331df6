/** When a cue shall open, as a producer writes it: a time of day, on the clock of the machine. Pure. */

/** The time a producer wrote, as an instant, or what is wrong with it. */
export type OpenAt =
  | { readonly ok: true; readonly openUs: number; readonly inMs: number; readonly words: string }
  | { readonly ok: false; readonly problem: string };

const DAY_MS = 86_400_000;
const LEAD_MS = 1500;
const nonBreaking = "\u00a0";

/**
 * The next instant at which a clock shows `time`. One that has passed is of the
 * next day only when that is the nearer one: else it was meant for today.
 *
 * @param time - `20:15` or `20:15:30`, in the machine's time zone.
 * @param nowUs - µs on R, which counts as UTC; undefined while it is not known.
 */
export function openAt(time: string, nowUs: number | undefined): OpenAt {
  const [, hours, minutes, seconds = "0"] =
    /^(\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d+)?)?$/.exec(time.trim()) ?? [];
  if (hours === undefined || minutes === undefined) return wrong("Write a time of day, like 20:15:00.");
  if (nowUs === undefined) return wrong("The room clock is not known yet.");
  const nowMs = nowUs / 1000;
  const day = new Date(nowMs);
  day.setHours(Number(hours), Number(minutes), Number(seconds), 0);
  const tomorrow = day.getTime() - nowMs < -DAY_MS / 2;
  if (tomorrow) day.setDate(day.getDate() + 1);
  const inMs = day.getTime() - nowMs;
  if (inMs < 0) return wrong("That time has passed.");
  if (inMs < LEAD_MS) return wrong("That is too soon: every screen needs 1.5 s to open together.");
  return {
    ok: true,
    openUs: day.getTime() * 1000,
    inMs,
    words: `${tomorrow ? "Tomorrow" : "Today"}, in ${span(inMs)}`,
  };
}

const wrong = (problem: string): OpenAt => ({ ok: false, problem });

/** A wait in its two largest units: `1 h 20 min`, `4 min 5 s`, `12 s`. */
export function span(ms: number): string {
  const s = Math.max(0, Math.round(ms / 1000));
  if (s >= 3600)
    return `${Math.floor(s / 3600)}${nonBreaking}h ${Math.floor((s % 3600) / 60)}${nonBreaking}min`;
  return s >= 60 ? `${Math.floor(s / 60)}${nonBreaking}min ${s % 60}${nonBreaking}s` : `${s}${nonBreaking}s`;
}

/** The time of day of an instant, to the second: `20:15:30`. */
export function timeOfDay(us: number): string {
  const at = new Date(us / 1000);
  return [at.getHours(), at.getMinutes(), at.getSeconds()].map((n) => String(n).padStart(2, "0")).join(":");
}

/** Day and time of an instant: `23 Nov 2026, 20:15`. */
export function dayAndTime(us: number): string {
  const at = new Date(us / 1000);
  return `${at.getDate()} ${MONTHS[at.getMonth()] ?? ""} ${at.getFullYear()}, ${timeOfDay(us).slice(0, 5)}`;
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
