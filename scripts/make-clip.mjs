#!/usr/bin/env node
/**
 * Makes the clip that the demo plays: internal/demo/clip/demo.mp4.
 *
 *   node scripts/make-clip.mjs [OUTPUT]
 *
 * Needs ffmpeg with libx264 and the DejaVu fonts (Debian: ffmpeg, fonts-dejavu-core).
 *
 * The clip is made to be played end to end without a seam: 16 s are whole video
 * frames (480 at 30 fps) and whole AAC frames (750 at 48 kHz), every second is a
 * closed GOP, and nothing in picture or sound jumps at the end.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { HEIGHT, paintFrame, WIDTH } from "./make-clip-picture.mjs";
import { soundLoop } from "./make-clip-sound.mjs";

const FPS = 30;
const SECONDS = 16;
const SAMPLE_RATE = 48_000;
const AAC_FRAME = 1024;
const MAX_BYTES = 500_000;
const FONTS = "/usr/share/fonts/truetype/dejavu";

const output = process.argv[2] ?? fileURLToPath(new URL("../internal/demo/clip/demo.mp4", import.meta.url));
const scratch = await mkdtemp(join(tmpdir(), "cuelight-clip-"));
try {
  const video = join(scratch, "video.mp4");
  const audio = join(scratch, "audio.aac");
  await makeVideo(video);
  await makeAudio(audio);
  await mux(video, audio, output);
} finally {
  await rm(scratch, { recursive: true });
}
const { size } = await stat(output);
if (size > MAX_BYTES)
  throw new Error(`${output}: ${size} bytes, more than ${MAX_BYTES}; raise the quantiser`);
process.stdout.write(`${output}: ${size} bytes\n`);

/** Pictures from our own painter; ffmpeg sets the text on them and codes them. */
async function makeVideo(file) {
  const x264 = [
    "keyint=30:min-keyint=30:scenecut=0:open-gop=0:bframes=0:ref=2",
    "colorprim=bt709:transfer=bt709:colormatrix=bt709:range=tv",
    "aq-mode=3:aq-strength=1.2", // dark, smooth walls show blocks first
    "threads=1:lookahead-threads=1", // the same bytes on every machine
  ].join(":");
  await ffmpeg(
    ["-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", `${WIDTH}x${HEIGHT}`, "-r", `${FPS}`, "-i", "pipe:0"],
    ["-vf", captions(), "-c:v", "libx264", "-profile:v", "main", "-preset", "veryslow", "-tune", "animation"],
    ["-crf", "23", "-x264-params", x264, "-bsf:v", "filter_units=remove_types=6"],
    ["-video_track_timescale", "90000", file],
    async (stdin) => {
      for (let n = 0; n < FPS * SECONDS; n++) {
        if (!stdin.write(paintFrame(n, { fps: FPS, seconds: SECONDS }))) await once(stdin, "drain");
      }
    },
  );
}

function captions() {
  const text = (font, size, colour, x, y, words) =>
    `drawtext=fontfile=${FONTS}/${font}.ttf:fontsize=${size}:fontcolor=${colour}:x=${x}:y=${y}:text='${words}'`;
  const clock = String.raw`00\:%{eif\:trunc(n/${FPS})\:d\:2}.%{eif\:trunc(mod(n,${FPS})*10/${FPS})\:d}`;
  return [
    text("DejaVuSans-Bold", 22, "0xEEF3F8", 168, 19, "Cuelight demo broadcast"),
    text("DejaVuSans", 13, "0x93A7BC", 168, 50, "Light and chime together, every 4 seconds"),
    text("DejaVuSans", 13, "0x93A7BC", 168, 69, "This clip loops; the show around it is live"),
    text("DejaVuSans", 43, "0xF4F7FA", "320-text_w/2", 206, clock),
  ].join(",");
}

/**
 * The sound is periodic, so three loops are coded and the middle one is kept: by
 * then the encoder has settled, and the last frame overlaps into the first.
 */
async function makeAudio(file) {
  const loop = soundLoop({ rate: SAMPLE_RATE, seconds: SECONDS });
  const coded = `${file}.long`;
  await ffmpeg(
    ["-f", "f32le", "-ar", `${SAMPLE_RATE}`, "-ac", "2", "-i", "pipe:0"],
    ["-c:a", "aac", "-profile:a", "aac_low", "-b:a", "64k", "-f", "adts", coded],
    async (stdin) => {
      for (let i = 0; i < 3; i++) {
        if (!stdin.write(Buffer.from(loop.buffer))) await once(stdin, "drain");
      }
    },
  );
  const frames = adtsFrames(await readFile(coded));
  const perLoop = (SAMPLE_RATE * SECONDS) / AAC_FRAME;
  // Frame i sounds one frame later than its input: the encoder's delay is 1024 samples.
  await writeFile(file, Buffer.concat(frames.slice(perLoop + 1, 2 * perLoop + 1)));
}

/** Splits an ADTS stream. Spec: ISO/IEC 13818-7 §6.2. */
function adtsFrames(bytes) {
  const frames = [];
  for (let at = 0; at + 7 <= bytes.length; ) {
    if (bytes.readUInt16BE(at) >>> 4 !== 0xfff) throw new Error(`no ADTS sync word at byte ${at}`);
    const length = ((bytes[at + 3] & 0x03) << 11) | (bytes[at + 4] << 3) | (bytes[at + 5] >>> 5);
    frames.push(bytes.subarray(at, at + length));
    at += length;
  }
  return frames;
}

async function mux(video, audio, file) {
  await ffmpeg(
    ["-i", video, "-i", audio, "-map", "0:v", "-map", "1:a", "-c", "copy", "-bsf:a", "aac_adtstoasc"],
    ["-map_metadata", "-1", "-movflags", "+faststart", file],
  );
}

/** Runs ffmpeg to its end; a function as the last argument feeds its standard input. */
async function ffmpeg(...parts) {
  const feed = typeof parts.at(-1) === "function" ? parts.pop() : undefined;
  const args = ["-hide_banner", "-loglevel", "error", "-nostdin", "-y", ...parts.flat()];
  args.splice(args.length - 1, 0, "-fflags", "+bitexact", "-flags", "+bitexact");
  const child = spawn("ffmpeg", args, { stdio: [feed ? "pipe" : "ignore", "inherit", "inherit"] });
  const closed = once(child, "close");
  await feed?.(child.stdin);
  child.stdin?.end();
  const [code] = await closed;
  if (code !== 0) throw new Error(`ffmpeg ended with code ${code}`);
}
