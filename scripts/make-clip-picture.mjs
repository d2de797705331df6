/**
 * The pictures of the demo clip, as yuv420p: a graphite studio wall, a clock
 * ring that sweeps once a loop, a cue light that flashes with every chime, and
 * the frame code on a plate of its own. Text is set by ffmpeg afterwards.
 */
import { AREA, paint } from "../test/framecode/framecode.mjs";

export const WIDTH = 640;
export const HEIGHT = 360;

const FLASH_EVERY = 4; // seconds, with the chimes
const RING = { x: 320, y: 222, radius: 112, width: 6 };
const LAMP = { x: 592, y: 48, radius: 17 };
const PLATE = { x: AREA.x - 8, y: AREA.y - 8, width: AREA.width + 16, height: AREA.height + 16, radius: 8 };

// R, G, B in 0..255.
const WALL_TOP = [24, 33, 45];
const WALL_BOTTOM = [13, 18, 26];
const GLOW = [34, 50, 68];
const PLATE_FILL = [52, 64, 78];
const TRACK = [42, 56, 72];
const TICK = [92, 112, 134];
const AMBER = [255, 172, 74];
const AMBER_HOT = [255, 226, 178];
const LAMP_OFF = [70, 50, 32];
const LAMP_RIM = [88, 104, 122];
const LAMP_BEZEL = [16, 20, 27];

const clamp01 = (v) => Math.min(1, Math.max(0, v));
// Coverage of a pixel whose centre lies `distance` outside (+) or inside (-) a shape.
const coverage = (distance) => clamp01(0.5 - distance);

const background = paintBackground();

/** Picture `n` as planar 4:2:0, BT.709 limited range. The buffer is the caller's. */
export function paintFrame(n, { fps, seconds }) {
  const rgb = Float32Array.from(background);
  paintSweep(rgb, n / (fps * seconds));
  paintLamp(rgb, (n / fps) % FLASH_EVERY);
  const yuv = toYuv420(rgb);
  paint(yuv, WIDTH, n);
  return yuv;
}

function blend(rgb, x, y, colour, alpha) {
  if (alpha <= 0) return;
  const i = (y * WIDTH + x) * 3;
  for (let c = 0; c < 3; c++) rgb[i + c] += (colour[c] - rgb[i + c]) * alpha;
}

/** Calls `draw(x, y, dx, dy, r)` for every pixel within `reach` of the centre. */
function around({ x: cx, y: cy }, reach, draw) {
  for (let y = Math.max(0, Math.floor(cy - reach)); y < Math.min(HEIGHT, cy + reach); y++) {
    for (let x = Math.max(0, Math.floor(cx - reach)); x < Math.min(WIDTH, cx + reach); x++) {
      const dx = x + 0.5 - cx;
      const dy = y + 0.5 - cy;
      draw(x, y, dx, dy, Math.hypot(dx, dy));
    }
  }
}

function paintBackground() {
  const rgb = new Float32Array(WIDTH * HEIGHT * 3);
  for (let y = 0; y < HEIGHT; y++) {
    const down = y / HEIGHT;
    for (let x = 0; x < WIDTH; x++) {
      const wall = WALL_TOP.map((top, c) => top + (WALL_BOTTOM[c] - top) * down);
      blend(rgb, x, y, wall, 1);
      const r = Math.hypot(x - RING.x, (y - RING.y) * 1.15);
      blend(rgb, x, y, GLOW, 0.75 * Math.exp(-((r / 190) ** 2)));
      blend(rgb, x, y, PLATE_FILL, coverage(outsideRoundedBox(x + 0.5, y + 0.5, PLATE)));
    }
  }
  paintDial(rgb);
  return rgb;
}

function outsideRoundedBox(x, y, { x: left, y: top, width, height, radius }) {
  const dx = Math.abs(x - left - width / 2) - width / 2 + radius;
  const dy = Math.abs(y - top - height / 2) - height / 2 + radius;
  return Math.hypot(Math.max(dx, 0), Math.max(dy, 0)) + Math.min(Math.max(dx, dy), 0) - radius;
}

/** The part of the ring that stands still: its track and one tick a second. */
function paintDial(rgb) {
  around(RING, RING.radius + 20, (x, y, dx, dy, r) => {
    blend(rgb, x, y, TRACK, coverage(Math.abs(r - RING.radius) - RING.width / 2));
    const turn = clockwise(dx, dy) * 16;
    const aside = (Math.abs(turn - Math.round(turn)) / 16) * 2 * Math.PI * r;
    const quarter = Math.round(turn) % 4 === 0;
    const length = quarter ? 8 : 4;
    const along = Math.abs(r - (RING.radius - 9 - length / 2)) - length / 2;
    blend(rgb, x, y, quarter ? AMBER : TICK, 0.9 * coverage(along) * coverage(aside - 0.9));
  });
}

/** The angle from twelve o'clock, clockwise, in turns: 0..1. */
function clockwise(dx, dy) {
  return (Math.atan2(dx, -dy) / (2 * Math.PI) + 1) % 1;
}

/** The swept part of the ring, fading towards its beginning, and its bright head. */
function paintSweep(rgb, progress) {
  around(RING, RING.radius + 24, (x, y, dx, dy, r) => {
    const off = Math.abs(r - RING.radius);
    if (off > 24) return;
    const behind = progress - clockwise(dx, dy);
    if (behind >= 0) blend(rgb, x, y, AMBER, (1 - 0.62 * behind) * coverage(off - RING.width / 2));
  });
  const angle = 2 * Math.PI * progress;
  const head = { x: RING.x + RING.radius * Math.sin(angle), y: RING.y - RING.radius * Math.cos(angle) };
  around(head, 22, (x, y, _dx, _dy, r) => {
    blend(rgb, x, y, AMBER, 0.4 * Math.exp(-((r / 9) ** 2)));
    blend(rgb, x, y, AMBER_HOT, coverage(r - 6.5));
  });
}

/** The cue light: full on the beat, dark again a second later. */
function paintLamp(rgb, sinceBeat) {
  const on = Math.max(0, 1 - sinceBeat / 1.1) ** 1.6;
  const mix = (from, to, share) => from.map((v, c) => v + (to[c] - v) * share);
  const lens = mix(mix(LAMP_OFF, AMBER, on), AMBER_HOT, 0.4 * on ** 3);
  around(LAMP, 60, (x, y, _dx, _dy, r) => {
    blend(rgb, x, y, AMBER, 0.5 * on * Math.exp(-((r / 30) ** 2)));
    blend(rgb, x, y, LAMP_RIM, coverage(r - LAMP.radius - 4));
    blend(rgb, x, y, LAMP_BEZEL, coverage(r - LAMP.radius - 2));
    blend(rgb, x, y, lens, coverage(r - LAMP.radius));
  });
}

/** Spec: ITU-R BT.709-6 §3, limited range; chroma is the mean of 2×2 pixels. */
function toYuv420(rgb) {
  const yuv = new Uint8Array((WIDTH * HEIGHT * 3) / 2);
  const sumU = new Float32Array((WIDTH * HEIGHT) / 4);
  const sumV = new Float32Array((WIDTH * HEIGHT) / 4);
  for (let y = 0, i = 0; y < HEIGHT; y++) {
    for (let x = 0; x < WIDTH; x++, i += 3) {
      const luma = 0.2126 * rgb[i] + 0.7152 * rgb[i + 1] + 0.0722 * rgb[i + 2];
      yuv[y * WIDTH + x] = Math.round(16 + (luma * 219) / 255);
      const c = (y >> 1) * (WIDTH / 2) + (x >> 1);
      sumU[c] += (rgb[i + 2] - luma) / 1.8556;
      sumV[c] += (rgb[i] - luma) / 1.5748;
    }
  }
  const u = WIDTH * HEIGHT;
  const v = u + sumU.length;
  for (let c = 0; c < sumU.length; c++) {
    yuv[u + c] = Math.round(128 + ((sumU[c] / 4) * 224) / 255);
    yuv[v + c] = Math.round(128 + ((sumV[c] / 4) * 224) / 255);
  }
  return neutralUnderCode(yuv, u, v);
}

/** No colour under the code: the cells are luma, and nothing but luma. */
function neutralUnderCode(yuv, u, v) {
  for (let y = AREA.y / 2; y < (AREA.y + AREA.height) / 2; y++) {
    const row = y * (WIDTH / 2) + AREA.x / 2;
    yuv.fill(128, u + row, u + row + AREA.width / 2);
    yuv.fill(128, v + row, v + row + AREA.width / 2);
  }
  return yuv;
}
