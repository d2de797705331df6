/**
 * A browser's control socket, reached from outside of the browser's network:
 * commands with numbers, replies and events, as CDP and BiDi both have them.
 *
 * @module
 */
import { type ChildProcess, type ChildProcessByStdio, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import type { Place } from "./netns.ts";

const COMMAND_TIMEOUT = 30_000;
const START_TIMEOUT = 30_000;
const KEPT = 16_384; // characters of what a browser said on starting

interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly params?: unknown;
  readonly result?: unknown;
  readonly error?: string | { readonly message: string };
  readonly message?: string;
}

/** The control socket of one browser. */
export class Remote {
  readonly #carrier: ChildProcessByStdio<Writable, Readable, null>;
  readonly #waiting = new Map<number, (message: Message) => void>();
  readonly #heard: (method: string, params: unknown) => void;
  #n = 0;

  /** Connects to `url` at `place` by means of the program `relay`; events go to `heard`. */
  constructor(place: Place, relay: string, url: string, heard: (method: string, params: unknown) => void) {
    this.#heard = heard;
    this.#carrier = spawn(place.wrap(relay), ["-socket", url], { stdio: ["pipe", "pipe", "inherit"] });
    this.#carrier.stdin.on("error", () => undefined); // the browser has ended; the next command says so
    createInterface({ input: this.#carrier.stdout }).on("line", (line) => this.#take(JSON.parse(line)));
  }

  #take(message: Message): void {
    if (message.id !== undefined) {
      this.#waiting.get(message.id)?.(message);
      this.#waiting.delete(message.id);
    } else if (message.method !== undefined) this.#heard(message.method, message.params);
  }

  /** Sends a command and returns its result. `more` is put beside its parameters. */
  async command<T>(method: string, params: object = {}, more: object = {}): Promise<T> {
    const id = ++this.#n;
    const replied = new Promise<Message>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(id);
        reject(new Error(`${method} takes too long`));
      }, COMMAND_TIMEOUT);
      this.#waiting.set(id, (message) => {
        clearTimeout(timer);
        resolve(message);
      });
    });
    this.#carrier.stdin.write(`${JSON.stringify({ id, method, params, ...more })}\n`);
    const { error, message, result } = await replied;
    if (error !== undefined)
      throw new Error(`${method}: ${typeof error === "string" ? message : error.message}`);
    return result as T;
  }

  close(): void {
    this.#carrier.stdin.end();
  }
}

/** Waits for the line in which a browser tells where it listens; `pattern` has the address in its first group. */
export async function listening(child: ChildProcess, pattern: RegExp): Promise<string> {
  let text = "";
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`the browser does not listen:\n${text}`)), START_TIMEOUT);
    child.once("exit", (code) => reject(new Error(`the browser ended with ${code}:\n${text}`)));
    child.stderr?.setEncoding("utf8").on("data", (chunk: string) => {
      text = (text + chunk).slice(-KEPT);
      const url = pattern.exec(text)?.[1];
      if (url === undefined) return;
      clearTimeout(timer);
      resolve(url);
    });
  });
}
