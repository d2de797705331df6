/**
 * Plots: dots and steps on two axes, as SVG text.
 *
 * @module
 */

/** One set of points. */
export interface Series {
  readonly name: string;
  readonly points: readonly (readonly [x: number, y: number])[];
  /** Joined by a line; otherwise dots. */
  readonly line?: boolean;
}

/** A plot. */
export interface Plot {
  readonly title: string;
  readonly x: string;
  readonly y: string;
  readonly series: readonly Series[];
  /** What of y is shown; default all. What lies outside is drawn at the edge. */
  readonly range?: readonly [number, number];
  /** Horizontal lines. */
  readonly marks?: readonly number[];
}

const WIDTH = 900;
const HEIGHT = 380;
const LEFT = 60;
const RIGHT = 170;
const TOP = 34;
const BOTTOM = 44;
const MOST_POINTS = 4000;
const COLOURS = ["#0b6bcb", "#d1501f", "#2a8f4b", "#8a3fc4", "#b8860b", "#c2185b", "#00838f", "#5d4037"];

const escaped = (text: string): string => text.replace(/[&<>]/g, (c) => `&#${c.charCodeAt(0)};`);

/** Draws a plot. */
export function draw(plot: Plot): string {
  const xs = plot.series.flatMap(({ points }) => points.map(([x]) => x));
  const ys = plot.series.flatMap(({ points }) => points.map(([, y]) => y));
  const [x0, x1] = extent(xs);
  const [y0, y1] = plot.range ?? extent([...ys, ...(plot.marks ?? [])]);
  const px = (x: number): number => LEFT + ((x - x0) / (x1 - x0)) * (WIDTH - LEFT - RIGHT);
  const py = (y: number): number => {
    const within = Math.max(y0, Math.min(y1, y));
    return HEIGHT - BOTTOM - ((within - y0) / (y1 - y0)) * (HEIGHT - TOP - BOTTOM);
  };
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">`,
    `<title>${escaped(plot.title)}</title>`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`,
    `<text x="${LEFT}" y="20" font-size="15" font-weight="600">${escaped(plot.title)}</text>`,
    ...ticks(x0, x1).map(
      (x) =>
        `<text x="${px(x)}" y="${HEIGHT - BOTTOM + 16}" text-anchor="middle" fill="#555">${x}</text>` +
        `<path d="M${px(x)} ${TOP}V${HEIGHT - BOTTOM}" stroke="#eee"/>`,
    ),
    ...ticks(y0, y1).map(
      (y) =>
        `<text x="${LEFT - 6}" y="${py(y) + 4}" text-anchor="end" fill="#555">${y}</text>` +
        `<path d="M${LEFT} ${py(y)}H${WIDTH - RIGHT}" stroke="#eee"/>`,
    ),
    ...(plot.marks ?? []).map(
      (y) => `<path d="M${LEFT} ${py(y)}H${WIDTH - RIGHT}" stroke="#999" stroke-dasharray="5 4"/>`,
    ),
    `<text x="${(LEFT + WIDTH - RIGHT) / 2}" y="${HEIGHT - 8}" text-anchor="middle">${escaped(plot.x)}</text>`,
    `<text transform="translate(14 ${HEIGHT / 2}) rotate(-90)" text-anchor="middle">${escaped(plot.y)}</text>`,
    ...plot.series.map((series, i) => drawn(series, colour(i), px, py)),
    ...plot.series.map(
      ({ name }, i) =>
        `<rect x="${WIDTH - RIGHT + 14}" y="${TOP + i * 20}" width="12" height="12" fill="${colour(i)}"/>` +
        `<text x="${WIDTH - RIGHT + 32}" y="${TOP + i * 20 + 10}">${escaped(name)}</text>`,
    ),
    "</svg>",
  ];
  return `${parts.join("\n")}\n`;
}

const colour = (i: number): string => COLOURS[i % COLOURS.length] ?? "#000";

function drawn(
  { points, line }: Series,
  stroke: string,
  px: (x: number) => number,
  py: (y: number) => number,
): string {
  const every = Math.max(1, Math.ceil(points.length / MOST_POINTS));
  const some = points.filter((_, i) => i % every === 0);
  if (line !== true) {
    const dots = some.map(([x, y]) => `M${px(x).toFixed(1)} ${py(y).toFixed(1)}h0`).join("");
    return `<path d="${dots}" stroke="${stroke}" stroke-width="3" stroke-linecap="round" fill="none" opacity="0.7"/>`;
  }
  const path = some
    .map(([x, y], i) => `${i === 0 ? "M" : "L"}${px(x).toFixed(1)} ${py(y).toFixed(1)}`)
    .join("");
  return `<path d="${path}" stroke="${stroke}" stroke-width="1.6" fill="none"/>`;
}

function extent(values: readonly number[]): [number, number] {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const value of values) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  if (!Number.isFinite(low)) return [0, 1];
  return low === high ? [low - 1, high + 1] : [low, high];
}

/** Round numbers between two others, about six. */
function ticks(from: number, to: number): number[] {
  const rough = (to - from) / 6;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 5, 10].find((k) => k * power >= rough) ?? 10) * power;
  const count = Math.floor((to - from) / step) + 1;
  const first = Math.ceil(from / step);
  return Array.from({ length: count }, (_, i) => Number(((first + i) * step).toPrecision(6))).filter(
    (t) => t <= to,
  );
}
