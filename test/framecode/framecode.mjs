/**
 * The frame code: a frame's number in the picture itself, so that what is on a
 * screen can be compared with what left the camera without trusting a player.
 *
 * 32 cells in 8 columns and 4 rows, each 16×16 pixels, read row by row: the
 * 20-bit Gray code of the frame number (modulo 2^20), then a CRC-12 over those
 * 20 bits, both with the most significant bit first. Black is 0, white is 1.
 * Gray, because a decoder that blends two pictures then spoils one bit only.
 *
 * Runs in Node and, unchanged, in a page.
 */

/** Side of a cell, in pixels of the picture. */
export const CELL = 16;
export const COLUMNS = 8;
export const ROWS = 4;

/** The code area in the picture, in pixels. The same for every picture size. */
export const AREA = Object.freeze({ x: 16, y: 16, width: COLUMNS * CELL, height: ROWS * CELL });

/** Frame numbers count modulo this, which is 9.7 hours at 30 fps. */
export const MODULUS = 2 ** 20;

/** Luma of a cell that is 0 and of one that is 1: black and white in limited range. */
export const BLACK = 16;
export const WHITE = 235;

const NUMBER_BITS = 20;
const CRC_BITS = 12;
const CRC_POLYNOMIAL = 0x80f;
// With 0 here an empty, all-black picture would be a valid code: that of frame 0.
const CRC_INITIAL = 0xfff;
const CRC_MASK = 0xfff;

// Halfway between BLACK and WHITE, and near enough to halfway between 0 and 255.
const THRESHOLD = 126;

/**
 * CRC-12 over the lowest 20 bits, the highest of them first.
 *
 * @param {number} gray
 */
function crc12(gray) {
  let crc = CRC_INITIAL;
  for (let bit = NUMBER_BITS - 1; bit >= 0; bit--) {
    const feedback = ((crc >>> (CRC_BITS - 1)) ^ (gray >>> bit)) & 1;
    crc = (crc << 1) & CRC_MASK;
    if (feedback) crc ^= CRC_POLYNOMIAL;
  }
  return crc;
}

/** @param {number} gray */
function fromGray(gray) {
  let n = gray;
  for (let shift = 1; shift < NUMBER_BITS; shift <<= 1) n ^= n >>> shift;
  return n;
}

/**
 * The 32 cells of frame `n` (a whole number, taken modulo 2^20), row by row, each 0 or 1.
 *
 * @param {number} n
 * @returns {Uint8Array}
 */
export function encode(n) {
  const number = ((n % MODULUS) + MODULUS) % MODULUS;
  const gray = number ^ (number >>> 1);
  const crc = crc12(gray);
  const cells = new Uint8Array(NUMBER_BITS + CRC_BITS);
  for (let i = 0; i < NUMBER_BITS; i++) cells[i] = (gray >>> (NUMBER_BITS - 1 - i)) & 1;
  for (let i = 0; i < CRC_BITS; i++) cells[NUMBER_BITS + i] = (crc >>> (CRC_BITS - 1 - i)) & 1;
  return cells;
}

/**
 * Draws the code of frame `n` into a luma plane of at least 144×80 pixels whose
 * rows are `stride` bytes apart. Touches nothing outside {@link AREA}.
 *
 * @param {Uint8Array} yPlane
 * @param {number} stride
 * @param {number} n
 */
export function paint(yPlane, stride, n) {
  const cells = encode(n);
  for (let y = 0; y < AREA.height; y++) {
    const row = (AREA.y + y) * stride + AREA.x;
    for (let column = 0; column < COLUMNS; column++) {
      const on = cells[Math.floor(y / CELL) * COLUMNS + column];
      yPlane.fill(on ? WHITE : BLACK, row + column * CELL, row + (column + 1) * CELL);
    }
  }
}

/**
 * Luma (or grey) 0..255 at a pixel of the source.
 *
 * @typedef {(x: number, y: number) => number} LumaSampler
 */

/**
 * RGBA pixels, as `getImageData` returns them.
 *
 * @typedef {{ readonly data: ArrayLike<number>, readonly width: number }} RgbaPixels
 */

/**
 * Reads the frame number, or undefined if the CRC fails: no code there, a blend
 * of two pictures, or a picture too damaged to trust.
 *
 * @param {LumaSampler | RgbaPixels} source
 * @param {number} [scale] Pixels of the source per pixel of the picture: 1 for a canvas of videoWidth × videoHeight.
 * @param {{ readonly x: number, readonly y: number }} [origin] Where the area begins in the source, in pixels of the
 *   picture: (0, 0) for a canvas that holds nothing but the area.
 * @returns {number | undefined}
 */
export function decode(source, scale = 1, origin = AREA) {
  const luma = typeof source === "function" ? source : lumaOf(source);
  let gray = 0;
  let crc = 0;
  for (let i = 0; i < NUMBER_BITS + CRC_BITS; i++) {
    const x = origin.x + ((i % COLUMNS) + 0.5) * CELL;
    const y = origin.y + (Math.floor(i / COLUMNS) + 0.5) * CELL;
    const bit = meanAround(luma, x, y, scale) >= THRESHOLD ? 1 : 0;
    if (i < NUMBER_BITS) gray = (gray << 1) | bit;
    else crc = (crc << 1) | bit;
  }
  return crc === crc12(gray) ? fromGray(gray) : undefined;
}

/**
 * The mean of the middle 4×4 of a cell: far from its edges, where coding and scaling blur.
 *
 * @param {LumaSampler} luma
 * @param {number} x
 * @param {number} y
 * @param {number} scale
 */
function meanAround(luma, x, y, scale) {
  let sum = 0;
  for (let dy = -1.5; dy <= 1.5; dy++) {
    for (let dx = -1.5; dx <= 1.5; dx++) {
      sum += luma(Math.floor((x + dx) * scale), Math.floor((y + dy) * scale));
    }
  }
  return sum / 16;
}

/**
 * @param {RgbaPixels} pixels
 * @returns {LumaSampler}
 */
function lumaOf({ data, width }) {
  return (x, y) => {
    const i = (y * width + x) * 4;
    return 0.2126 * (data[i] ?? 0) + 0.7152 * (data[i + 1] ?? 0) + 0.0722 * (data[i + 2] ?? 0);
  };
}
