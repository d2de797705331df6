/**
 * A live source with a known past: every frame carries its number in the
 * picture, and the instant at which it left this process is kept. ffmpeg codes
 * and pushes it as any encoder would.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import type { Writable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { AREA, paint } from "../framecode/framecode.mjs";

export const WIDTH = 320;
export const HEIGHT = 180;
export const FPS = 30;

/** How much of ffmpeg's complaints is kept. */
const STDERR_LIMIT = 64 * 1024;
/** How long ffmpeg may take to flush and hang up before it is killed. */
const STOP_TIMEOUT_MS = 5_000;

export interface SourceOptions {
  /** Where ffmpeg writes: `srt://…`, `rtmp://…`, or a file. */
  readonly url: string;
  /** Container: `mpegts` for SRT, `flv` for RTMP. */
  readonly format: "mpegts" | "flv";
  /** Number of the first frame; default 0. A source that follows another one is told apart by it. */
  readonly first?: number;
  /** How the picture is coded; default H.264. HEVC needs `mpegts`. */
  readonly codec?: "h264" | "hevc";
  /** How many times larger than {@link WIDTH}×{@link HEIGHT} the picture is coded; default 1. */
  readonly scale?: number;
  /** B-frames between two others; default none. */
  readonly reorder?: number;
}

export interface SourceExit {
  /** Exit code; null if a signal ended ffmpeg or it could not be started. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface Source {
  /** Frame number → when it was handed to the encoder, on {@link hostMicros}. In order; grows while it runs. */
  readonly frameTimes: ReadonlyMap<number, number>;
  /** The same instants as `Date.now()` gave them, in ms. */
  readonly frameDates: ReadonlyMap<number, number>;
  /** Ends the broadcast as an encoder's stop button does, and waits until ffmpeg is gone. Idempotent. */
  stop(): Promise<void>;
  /** Ends ffmpeg as a crash or a pulled plug does, and waits until it is gone. */
  kill(): Promise<void>;
  /** Resolves when ffmpeg has ended, whatever the reason. Never rejects. */
  readonly exited: Promise<SourceExit>;
  /** The end of what ffmpeg wrote to standard error, at most 64 KiB. */
  stderr(): string;
}

/** This machine's monotonic clock in µs. Browsers on this machine count on the same one. */
export function hostMicros(): number {
  return Number(process.hrtime.bigint() / 1000n);
}

/** Starts pushing numbered frames to `url`, one every 1/30 s. */
export function startSource(options: SourceOptions): Source {
  const child = spawn("ffmpeg", encoderArgs(options), { stdio: ["pipe", "ignore", "pipe"] });
  const complaints = keepTail(child);
  const exited = exitOf(child, complaints);
  const frameTimes = new Map<number, number>();
  const frameDates = new Map<number, number>();
  const stopping = new AbortController();
  void exited.then(() => stopping.abort());

  const fed = feed(child.stdin, options.first ?? 0, stopping.signal, (n) => {
    frameTimes.set(n, hostMicros());
    frameDates.set(n, Date.now());
  });

  async function stop(): Promise<void> {
    // The signal comes before the end of the pictures: after that end ffmpeg would race on with sound alone.
    child.kill("SIGTERM");
    stopping.abort();
    await fed;
    child.stdin.end();
    const killer = setTimeout(() => child.kill("SIGKILL"), STOP_TIMEOUT_MS);
    await exited;
    clearTimeout(killer);
  }

  async function kill(): Promise<void> {
    child.kill("SIGKILL");
    stopping.abort();
    await Promise.all([fed, exited]);
  }

  return { frameTimes, frameDates, stop, kill, exited, stderr: () => complaints.text };
}

function encoderArgs({ url, format, codec = "h264", scale = 1, reorder = 0 }: SourceOptions): string[] {
  const picture = ["-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", `${WIDTH}x${HEIGHT}`, "-r", `${FPS}`];
  const sound = ["-f", "lavfi", "-i", "sine=frequency=220:sample_rate=48000"];
  const prompted = ["-preset", "ultrafast", "-tune", "zerolatency", "-g", `${FPS}`, "-bf", `${reorder}`];
  const quiet = ["-x265-params", "log-level=error"];
  const coder = codec === "h264" ? ["libx264", ...prompted] : ["libx265", ...prompted, ...quiet];
  const size = ["-vf", `scale=${WIDTH * scale}:${HEIGHT * scale}:flags=neighbor`];
  const audio = ["-c:a", "aac", "-b:a", "64k", "-ac", "2", "-af", "volume=-20dB"];
  const container = format === "flv" ? ["-flvflags", "no_duration_filesize"] : [];
  const prompt = ["-flush_packets", "1", "-muxdelay", "0", "-muxpreload", "0"];
  return [
    ...["-hide_banner", "-loglevel", "warning", "-nostats", "-y"],
    ...[...picture, "-i", "pipe:0", ...sound, "-map", "0:v", "-map", "1:a"],
    ...[
      "-c:v",
      ...coder,
      ...(scale === 1 ? [] : size),
      "-pix_fmt",
      "yuv420p",
      ...audio,
      ...prompt,
      ...container,
      "-f",
      format,
      url,
    ],
  ];
}

/** Hands over each frame when it is due, counted from the first; frames that are late follow at once. */
async function feed(
  stdin: Writable,
  first: number,
  signal: AbortSignal,
  onFrame: (n: number) => void,
): Promise<void> {
  let broken = false;
  // ffmpeg hanging up is told by its exit; without a listener the broken pipe would end this process.
  stdin.on("error", () => {
    broken = true;
  });
  const start = performance.now();
  for (let n = first; !signal.aborted && !broken; n++) {
    const picture = drawFrame(n);
    await until(start + ((n - first) * 1000) / FPS, signal);
    if (signal.aborted) return;
    onFrame(n);
    if (!stdin.write(picture)) await once(stdin, "drain", { signal }).catch(() => undefined);
  }
}

async function until(due: number, signal: AbortSignal): Promise<void> {
  for (let wait = due - performance.now(); wait > 0 && !signal.aborted; wait = due - performance.now()) {
    await delay(Math.ceil(wait), undefined, { signal }).catch(() => undefined);
  }
}

/** Frame `n` as yuv420p: diagonal waves that drift, so that the encoder has work, and the code on a quiet plate. */
export function drawFrame(n: number): Uint8Array {
  const yuv = new Uint8Array((WIDTH * HEIGHT * 3) / 2);
  for (let y = 0; y < HEIGHT; y++) {
    for (let x = 0; x < WIDTH; x++) yuv[y * WIDTH + x] = wave(x + 2 * y + 3 * n) + wave(3 * x - y - 2 * n);
  }
  const chroma = (WIDTH * HEIGHT) / 4;
  yuv.fill(128 + Math.round(24 * Math.sin(n / 40)), WIDTH * HEIGHT, WIDTH * HEIGHT + chroma);
  yuv.fill(128 + Math.round(24 * Math.cos(n / 40)), WIDTH * HEIGHT + chroma);
  clearAroundCode(yuv);
  paint(yuv, WIDTH, n);
  return yuv;
}

const WAVE = Uint8Array.from({ length: 256 }, (_, i) => 60 + 40 * Math.sin((i * 2 * Math.PI) / 256));

function wave(phase: number): number {
  return WAVE[phase & 255] ?? 0;
}

/** A grey plate under the code, and no colour, so that the cells are luma alone. */
function clearAroundCode(yuv: Uint8Array): void {
  const margin = 8;
  const left = AREA.x - margin;
  const right = AREA.x + AREA.width + margin;
  for (let y = AREA.y - margin; y < AREA.y + AREA.height + margin; y++) {
    yuv.fill(90, y * WIDTH + left, y * WIDTH + right);
    if (y % 2 !== 0) continue;
    for (const plane of [WIDTH * HEIGHT, (WIDTH * HEIGHT * 5) / 4]) {
      const row = plane + (y / 2) * (WIDTH / 2);
      yuv.fill(128, row + left / 2, row + right / 2);
    }
  }
}

function keepTail(child: ChildProcess): { text: string } {
  const tail = { text: "" };
  child.stderr?.setEncoding("utf8").on("data", (chunk: string) => {
    tail.text = (tail.text + chunk).slice(-STDERR_LIMIT);
  });
  return tail;
}

function exitOf(child: ChildProcess, complaints: { text: string }): Promise<SourceExit> {
  return new Promise((resolve) => {
    child.once("close", (code, signal) => resolve({ code, signal }));
    child.once("error", (err) => {
      complaints.text += `ffmpeg: ${err.message}\n`;
      resolve({ code: null, signal: null });
    });
  });
}
