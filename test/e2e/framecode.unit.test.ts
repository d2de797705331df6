import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { AREA, CELL, COLUMNS, decode, encode, MODULUS, paint } from "../framecode/framecode.mjs";
import { codesOf } from "./pictures.ts";

const W = 160;
const H = 96;

function painted(n: number): Uint8Array {
  const plane = new Uint8Array(W * H).fill(90);
  paint(plane, W, n);
  return plane;
}

const sampler = (plane: Uint8Array) => (x: number, y: number) => plane[y * W + x] ?? 0;

test("FC1 a painted number is read back", () => {
  for (let n = 0; n < MODULUS; n += 4099) expect(decode(sampler(painted(n)))).toBe(n);
  expect(decode(sampler(painted(MODULUS - 1)))).toBe(MODULUS - 1);
});

test("FC2 numbers count modulo 2^20", () => {
  expect(decode(sampler(painted(MODULUS + 5)))).toBe(5);
});

test("FC3 the layout: Gray code of the number, then the CRC, most significant bit first", () => {
  expect(encode(0).join("")).toBe(`${"0".repeat(20)}${"101000011110"}`);
  expect(encode(1).join("")).toBe(`${"0".repeat(19)}1${"001000010001"}`);
  expect([...encode(0b110).slice(0, 20)].join("")).toBe("00000000000000000101");
});

test("FC4 a picture without a code is not frame 0, nor any other", () => {
  for (const luma of [0, 16, 126, 235, 255]) expect(decode(() => luma)).toBeUndefined();
  expect(decode({ data: [], width: 0 })).toBeUndefined();
});

test("FC5 up to three wrong cells are always noticed", () => {
  const cells = encode(123_456);
  const read = () =>
    decode(
      (x, y) =>
        (cells[Math.floor((y - AREA.y) / CELL) * COLUMNS + Math.floor((x - AREA.x) / CELL)] ?? 0) * 255,
    );
  const flip = (i: number) => {
    cells[i] = 1 - (cells[i] ?? 0);
  };
  expect(read()).toBe(123_456);
  for (let a = 0; a < 32; a++) {
    flip(a);
    expect(read()).toBeUndefined();
    for (let b = 0; b < a; b++) {
      flip(b);
      expect(read()).toBeUndefined();
      for (let c = 0; c < b; c++) {
        flip(c);
        expect(read()).toBeUndefined();
        flip(c);
      }
      flip(b);
    }
    flip(a);
  }
});

test("FC6 paint keeps to the area", () => {
  const plane = painted(MODULUS - 1);
  const inside = (x: number, y: number) =>
    x >= AREA.x && x < AREA.x + AREA.width && y >= AREA.y && y < AREA.y + AREA.height;
  const touched = plane.findIndex((v, i) => v !== 90 && !inside(i % W, Math.floor(i / W)));
  expect(touched).toBe(-1);
});

test("FC7 RGBA pixels, scaled, and cut to the area alone", () => {
  const plane = painted(777);
  for (const scale of [0.5, 1, 1.5, 2]) {
    const width = W * scale;
    const data = new Uint8ClampedArray(width * H * scale * 4);
    for (let i = 0; i < data.length / 4; i++) {
      const luma =
        plane[Math.floor(Math.floor(i / width) / scale) * W + Math.floor((i % width) / scale)] ?? 0;
      data.fill(((luma - 16) * 255) / 219, i * 4, i * 4 + 3);
    }
    expect(decode({ data, width }, scale)).toBe(777);
  }
  const cut = (x: number, y: number) => sampler(plane)(x + AREA.x, y + AREA.y);
  expect(decode(cut, 1, { x: 0, y: 0 })).toBe(777);
});

test("FC8 the code survives x264 at a low bitrate, and scaling down and up", () => {
  const dir = mkdtempSync(join(tmpdir(), "cuelight-framecode-"));
  try {
    const numbers = Array.from({ length: 90 }, (_, i) => (i * 11_657) % MODULUS);
    const input = Buffer.concat(numbers.flatMap((n) => [painted(n), Buffer.alloc((W * H) / 2, 128)]));
    const raw = ["-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", `${W}x${H}`, "-r", "30", "-i", "-"];
    const x264 = ["-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-g", "30"];
    const poor = ["-b:v", "150k", "-maxrate", "150k", "-bufsize", "150k"];
    const small = ["-vf", `scale=${W / 2}:${H / 2}:flags=bilinear,scale=${W}:${H}:flags=bilinear`];
    for (const [name, filter] of [
      ["plain", []],
      ["scaled", small],
    ] as const) {
      const file = join(dir, `${name}.ts`);
      execFileSync("ffmpeg", ["-v", "error", ...raw, ...filter, ...x264, ...poor, file], { input });
      expect(codesOf(file, W, H)).toEqual(numbers);
    }
  } finally {
    rmSync(dir, { recursive: true });
  }
});

test("FC9 every picture of the demo clip says its place in the loop", () => {
  const clip = fileURLToPath(new URL("../../internal/demo/clip/demo.mp4", import.meta.url));
  expect(codesOf(clip, 640, 360)).toEqual(Array.from({ length: 480 }, (_, i) => i));
});
