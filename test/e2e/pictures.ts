import { execFileSync } from "node:child_process";
import { decode } from "../framecode/framecode.mjs";

/** Decodes a recording with ffmpeg and reads the frame code of every picture, in the order of display. */
export function codesOf(file: string, width: number, height: number): (number | undefined)[] {
  const luma = execFileSync(
    "ffmpeg",
    [
      "-v",
      "error",
      "-i",
      file,
      "-map",
      "0:v",
      "-fps_mode",
      "passthrough",
      "-f",
      "rawvideo",
      "-pix_fmt",
      "gray",
      "-",
    ],
    { maxBuffer: 1 << 30 },
  );
  const size = width * height;
  return Array.from({ length: luma.length / size }, (_, i) => {
    const picture = luma.subarray(i * size, (i + 1) * size);
    return decode((x, y) => picture[y * width + x] ?? 0);
  });
}
