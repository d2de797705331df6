/**
 * Viewers without a screen, as a child process. See virtual/main.go.
 *
 * @module
 */
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface, type Interface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { CHANNEL, type Server } from "../e2e/server.ts";
import type { CueRecord, VirtualRecord } from "./record.ts";
import type { RoomReading } from "./relay.ts";
import { summary } from "./stats.ts";
import { TrueRoom } from "./truth.ts";

interface View {
  readonly cue: string;
  readonly base: number;
  readonly opens: readonly number[] | null;
  readonly receipts: number;
  readonly peak: number;
}

/** Many viewers in one process. */
export class Crowd {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #lines: Interface;
  readonly #viewers: number;

  constructor(program: string, server: Server, viewers: number) {
    const url = `${server.web.replace("http", "ws")}/ws/v1`;
    this.#viewers = viewers;
    this.#child = spawn(program, ["-url", url, "-channel", CHANNEL, "-size", `${viewers}`], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    this.#lines = createInterface({ input: this.#child.stdout });
  }

  /** Resolves when everybody is there. */
  async gathered(): Promise<void> {
    const gone = once(this.#child, "exit").then(() => Promise.reject(new Error("the crowd has left")));
    gone.catch(() => undefined); // it leaves at the end, too
    await Promise.race([once(this.#lines, "line"), gone]);
  }

  /** Sends them home and returns what they saw of these cues. */
  async finish(cues: readonly CueRecord[], room: readonly RoomReading[]): Promise<VirtualRecord> {
    const truth = new TrueRoom(room);
    const openings = new Map(cues.map((cue) => [cue.id, truth.hostAt(cue.o)]));
    const views: VirtualRecord["cues"][number][] = [];
    this.#lines.on("line", (line) => {
      const { cue, base, opens, receipts, peak } = JSON.parse(line) as View;
      const o = openings.get(cue);
      if (o === undefined || opens === null) return;
      const { p50, p95, p99, max } = summary(opens.map((later) => Math.abs(base + later - o) / 1000));
      views.push({ cue, opened: opens.length, p50, p95, p99, max, receipts, peak });
    });
    const drained = once(this.#lines, "close");
    this.#child.stdin.end();
    await drained;
    return { viewers: this.#viewers, cues: views };
  }

  /** Ends the process if it still runs. */
  async close(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = once(this.#child, "exit");
    this.#child.kill("SIGTERM");
    await gone;
  }
}
