/**
 * Pictures as a browser photographs its page: PNG with eight bits a channel,
 * not interlaced.
 *
 * @module
 */
import { inflateSync } from "node:zlib";

/** Rows of pixels, `channels` bytes each. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  /** 3 for RGB, 4 with alpha. */
  readonly channels: number;
  readonly pixels: Uint8Array;
}

const SIGNATURE = 8; // bytes
const RGB = 2;
const RGBA = 6;

/**
 * Reads a PNG.
 *
 * Spec: ISO/IEC 15948 §5 (chunks), §9 (filters). Throws on another kind of picture.
 */
export function readPng(data: Buffer): Picture {
  const rows: Buffer[] = [];
  let [width, height, channels] = [0, 0, 0];
  for (let at = SIGNATURE; at + 8 <= data.length; ) {
    const size = data.readUInt32BE(at);
    const name = data.toString("latin1", at + 4, at + 8);
    const body = data.subarray(at + 8, at + 8 + size);
    if (name === "IHDR") {
      [width, height] = [body.readUInt32BE(0), body.readUInt32BE(4)];
      channels = body[9] === RGB ? 3 : 4;
      if (body[8] !== 8 || (body[9] !== RGB && body[9] !== RGBA) || body[12] !== 0)
        throw new Error("the picture is not an RGB(A) PNG with 8 bits a channel");
    } else if (name === "IDAT") rows.push(body);
    at += 12 + size;
  }
  const pixels = unfiltered(inflateSync(Buffer.concat(rows)), width * channels, height, channels);
  return { width, height, channels, pixels };
}

function unfiltered(raw: Buffer, stride: number, height: number, channels: number): Uint8Array {
  const out = new Uint8Array(stride * height);
  for (let y = 0; y < height; y++) {
    const filter = raw[y * (stride + 1)] ?? 0;
    for (let x = 0; x < stride; x++) {
      const i = y * stride + x;
      const left = x < channels ? 0 : (out[i - channels] ?? 0);
      const up = y === 0 ? 0 : (out[i - stride] ?? 0);
      const corner = x < channels || y === 0 ? 0 : (out[i - stride - channels] ?? 0);
      out[i] = (raw[y * (stride + 1) + 1 + x] ?? 0) + predicted(filter, left, up, corner);
    }
  }
  return out;
}

function predicted(filter: number, left: number, up: number, corner: number): number {
  switch (filter) {
    case 1:
      return left;
    case 2:
      return up;
    case 3:
      return (left + up) >> 1;
    case 4:
      return paeth(left, up, corner);
    default:
      return 0;
  }
}

function paeth(left: number, up: number, corner: number): number {
  const p = left + up - corner;
  const [a, b, c] = [Math.abs(p - left), Math.abs(p - up), Math.abs(p - corner)];
  if (a <= b && a <= c) return left;
  return b <= c ? up : corner;
}
