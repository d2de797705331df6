/**
 * The probe audited: the browser photographs its page around the opening of a
 * window, and the pictures say by themselves between which two of them the card
 * appeared. The probe, which goes by styles, must agree.
 *
 * @module
 */
import { setTimeout as delay } from "node:timers/promises";
import { hostMicros } from "../e2e/source.ts";
import { type Picture, readPng } from "./png.ts";
import { summary } from "./stats.ts";
import { table } from "./tables.ts";

/** Host µs before and after O at which filming begins and ends. */
const BEFORE = 700_000;
const AFTER = 900_000;
/** The page before the window: what lies that long before O, µs. */
const SURELY_CLOSED = 150_000;
/** A card is there in pictures that differ less than this share from how it looks later, compared with the page before it. */
const THERE = 0.5;

/** One photograph. */
export interface Shot {
  /** Host µs at which the browser says that it was displayed. */
  readonly at: number;
  readonly png: Buffer;
}

/** A browser that photographs its page whenever it changes. */
export interface Camera {
  film(take: (shot: Shot) => void): Promise<void>;
  stop(): Promise<void>;
}

/** A part of the page, in its pixels. */
export interface Area {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** Between which two photographs a card appeared, host µs. */
export interface Appearance {
  readonly cue: string;
  readonly after: number;
  readonly by: number;
}

/**
 * Films the opening at `o` (host µs); `area` tells where the card is, once it is open.
 * Undefined if no picture tells.
 */
export async function filmOpening(
  camera: Camera,
  cue: string,
  o: number,
  area: () => Promise<Area>,
): Promise<Appearance | undefined> {
  const shots: Shot[] = [];
  await delay(Math.max(0, (o - BEFORE - hostMicros()) / 1000));
  await camera.film((shot) => shots.push(shot));
  await delay(Math.max(0, (o + AFTER - hostMicros()) / 1000));
  await camera.stop();
  return appearance(cue, o, shots, await area());
}

/** Where the card appears in the photographs. */
export function appearance(
  cue: string,
  o: number,
  shots: readonly Shot[],
  area: Area,
): Appearance | undefined {
  const pictures = shots.map(({ at, png }) => ({ at, picture: readPng(png) }));
  const open = pictures.at(-1);
  if (open === undefined) return undefined;
  const off = pictures.map(({ picture }) => difference(picture, open.picture, area));
  const before = off.filter((_, i) => (pictures[i]?.at ?? o) < o - SURELY_CLOSED);
  const usual = summary(before).p50;
  const first = off.findIndex((d) => d < usual * THERE);
  const [after, by] = [pictures[first - 1]?.at, pictures[first]?.at];
  return after === undefined || by === undefined ? undefined : { cue, after, by };
}

/** Mean difference of two pictures within an area, 0 to 255. */
function difference(a: Picture, b: Picture, { x, y, width, height }: Area): number {
  let [sum, n] = [0, 0];
  for (let row = Math.floor(y); row < Math.min(y + height, a.height, b.height); row++) {
    for (let column = Math.floor(x); column < Math.min(x + width, a.width, b.width); column++) {
      for (let channel = 0; channel < 3; channel++) {
        const p = a.pixels[(row * a.width + column) * a.channels + channel] ?? 0;
        const q = b.pixels[(row * b.width + column) * b.channels + channel] ?? 0;
        sum += Math.abs(p - q);
        n++;
      }
    }
  }
  return sum / Math.max(1, n);
}

/** How well the probe's instants (host µs, by cue) fit between the photographs. */
export function auditTable(seen: readonly Appearance[], probed: ReadonlyMap<string, number>): string {
  const rows = seen.flatMap(({ cue, after, by }) => {
    const at = probed.get(cue);
    return at === undefined
      ? []
      : [{ early: (after - at) / 1000, late: (at - by) / 1000, gap: (by - after) / 1000 }];
  });
  const outside = rows.map(({ early, late }) => Math.max(0, early, late));
  const told = (values: readonly number[]): string[] => {
    const { p50, p95, max } = summary(values);
    return [p50, p95, max].map((n) => n.toFixed(1));
  };
  return table(
    [`${rows.length} openings filmed`, "p50", "p95", "max"],
    [
      ["between two photographs, ms", ...told(rows.map(({ gap }) => gap))],
      ["the probe's instant lies outside of them by, ms", ...told(outside)],
      [
        "the probe's instant minus the first photograph with the card, ms",
        ...told(rows.map(({ late }) => late)),
      ],
    ],
  );
}
