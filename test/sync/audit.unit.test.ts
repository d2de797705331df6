/** The audit audited: photographs whose contents are known. */
import { crc32, deflateSync } from "node:zlib";
import { expect, test } from "vitest";
import { appearance, type Shot } from "./audit.ts";
import { readPng } from "./png.ts";

const SIZE = 8;

/** A PNG of one grey, in which row `y` uses filter `y` modulo 5. */
function photograph(paint: (x: number, y: number) => number): Buffer {
  const grey = (x: number, y: number): number => (x < 0 || y < 0 ? 0 : paint(x, y));
  const rows: number[] = [];
  for (let y = 0; y < SIZE; y++) {
    const filter = y % 5;
    rows.push(filter);
    for (let x = 0; x < SIZE; x++) {
      const [a, b, c] = [grey(x - 1, y), grey(x, y - 1), x === 0 || y === 0 ? 0 : grey(x - 1, y - 1)];
      const guess = [0, a, b, (a + b) >> 1, nearest(a, b, c)][filter] ?? 0;
      for (let channel = 0; channel < 3; channel++) rows.push((paint(x, y) - guess + 256) % 256);
    }
  }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(SIZE, 0);
  header.writeUInt32BE(SIZE, 4);
  header.set([8, 2, 0, 0, 0], 8);
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  return Buffer.concat([
    signature,
    chunk("IHDR", header),
    chunk("IDAT", deflateSync(Buffer.from(rows))),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}

function nearest(a: number, b: number, c: number): number {
  return [a, b, c].reduce((best, n) => (Math.abs(a + b - c - n) < Math.abs(a + b - c - best) ? n : best));
}

function chunk(name: string, body: Buffer): Buffer {
  const out = Buffer.alloc(12 + body.length);
  out.writeUInt32BE(body.length, 0);
  out.write(name, 4, "latin1");
  body.copy(out, 8);
  out.writeUInt32BE(crc32(out.subarray(4, 8 + body.length)), 8 + body.length);
  return out;
}

test("a photograph is read back, whatever its rows are filtered with", () => {
  const paint = (x: number, y: number): number => (x * 37 + y * 91) % 256;
  const { width, height, channels, pixels } = readPng(photograph(paint));
  expect([width, height, channels]).toEqual([SIZE, SIZE, 3]);
  for (let y = 0; y < SIZE; y++) {
    for (let x = 0; x < SIZE; x++) expect(pixels[(y * SIZE + x) * 3], `${x}, ${y}`).toBe(paint(x, y));
  }
});

const O = 5_000_000;
const AREA = { x: 2, y: 2, width: 4, height: 4 };
const page = (card: boolean, video: number): Buffer =>
  photograph((x, y) => (card && x >= 2 && x < 6 && y >= 2 && y < 6 ? 250 : video));

test("the card appears between the last photograph without and the first with it", () => {
  const shots: Shot[] = Array.from({ length: 40 }, (_, i) => {
    const at = O - 600_000 + i * 33_000;
    return { at, png: page(at >= O + 20_000, 40 + (i % 3) * 20) };
  });
  const by = shots.find(({ at }) => at >= O + 20_000)?.at ?? 0;
  expect(appearance("c1", O, shots, AREA)).toEqual({ cue: "c1", after: by - 33_000, by });
});

test("no photographs tell nothing", () => {
  expect(appearance("c1", O, [], AREA)).toBeUndefined();
});
