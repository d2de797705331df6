/**
 * The rig's network as a child process: links, the clean line, the room's true
 * clock. See relay/main.go.
 *
 * @module
 */
import { type ChildProcessByStdio, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import type { Network } from "./profiles.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** Builds a program of the rig into `folder` and returns its path. */
export function buildGo(name: "relay" | "virtual", folder: string): string {
  const program = join(folder, name);
  execFileSync("go", ["build", "-o", program, `./test/sync/${name}`], { cwd: ROOT, stdio: "inherit" });
  return program;
}

/** The server's room clock, read without a network between. */
export interface RoomReading {
  /** µs, monotonic. */
  readonly host: number;
  /** µs, R. */
  readonly room: number;
  /** µs. */
  readonly rtt: number;
  readonly epoch: number;
}

interface Answer {
  readonly n: number;
  readonly addr?: string;
  readonly room?: RoomReading;
  readonly error?: string;
}

/** The running relay. */
export class Relay {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  readonly #ended: Promise<never>;
  #n = 0;

  constructor(program: string) {
    this.#child = spawn(program, [], { stdio: ["pipe", "pipe", "inherit"] });
    this.#ended = once(this.#child, "exit").then(() => Promise.reject(new Error("the relay has ended")));
    this.#ended.catch(() => undefined); // of interest to who waits for an answer
    createInterface({ input: this.#child.stdout }).on("line", (line) => {
      const answer = JSON.parse(line) as Answer;
      this.#waiting.get(answer.n)?.(answer);
      this.#waiting.delete(answer.n);
    });
  }

  async #order(order: object): Promise<Answer> {
    const n = ++this.#n;
    const answered = new Promise<Answer>((resolve) => this.#waiting.set(n, resolve));
    this.#child.stdin.write(`${JSON.stringify({ n, ...order })}\n`);
    const answer = await Promise.race([answered, this.#ended]);
    if (answer.error !== undefined) throw new Error(`relay: ${answer.error}`);
    return answer;
  }

  /** Opens a link at `listen` (host:port) to `target`; returns where it is. */
  async open(id: string, listen: string, target: string, network: Network): Promise<string> {
    const { up, down } = network;
    return (await this.#order({ do: "open", id, listen, target, up, down })).addr ?? "";
  }

  /** Lets nothing pass on a link for `ms`. */
  async pause(id: string, ms: number): Promise<void> {
    await this.#order({ do: "pause", id, for: ms });
  }

  /** Opens a clean line at `listen`; returns where it is. */
  async truth(listen: string): Promise<string> {
    return (await this.#order({ do: "truth", listen })).addr ?? "";
  }

  /** Reads the room clock of the server at `url`. */
  async room(url: string, channel: string): Promise<RoomReading> {
    const { room } = await this.#order({ do: "room", url, channel });
    if (room === undefined) throw new Error("relay: no reading of the room clock");
    return room;
  }

  /** Ends it and waits until it is gone. */
  async close(): Promise<void> {
    if (this.#child.exitCode !== null) return;
    const gone = once(this.#child, "exit");
    this.#child.stdin.end();
    await gone;
  }
}
