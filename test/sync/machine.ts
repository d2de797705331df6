/**
 * How busy the machine was: figures of a starved machine are none of the
 * product's.
 *
 * @module
 */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { cpus, loadavg, release } from "node:os";
import { CHROMIUM } from "../e2e/browser.ts";
import type { Machine } from "./record.ts";

const EVERY = 10_000;

interface Ticks {
  readonly total: number;
  readonly idle: number;
  readonly steal: number;
}

function ticks(): Ticks {
  const fields = /^cpu +(.*)$/m.exec(readFileSync("/proc/stat", "utf8"))?.[1]?.split(" ").map(Number) ?? [];
  const [, , , idle = 0, iowait = 0, , , steal = 0] = fields;
  return { total: fields.slice(0, 8).reduce((a, b) => a + b, 0), idle: idle + iowait, steal };
}

/** Watches from its creation on. */
export class MachineWatch {
  readonly #load: number[] = [];
  readonly #before = ticks();
  readonly #timer = setInterval(() => this.#load.push(loadavg()[0] ?? 0), EVERY);

  /** What it was like so far. */
  record(namespaces: boolean): Machine {
    const now = ticks();
    const total = Math.max(1, now.total - this.#before.total);
    return {
      cores: cpus().length,
      model: cpus()[0]?.model ?? "unknown",
      kernel: release(),
      chromium: execFileSync(CHROMIUM, ["--version"], { encoding: "utf8", stdio: "pipe" }).trim(),
      namespaces,
      load: this.#load,
      busy: 1 - (now.idle - this.#before.idle) / total,
      steal: (now.steal - this.#before.steal) / total,
    };
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
