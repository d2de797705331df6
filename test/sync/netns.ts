/**
 * A network namespace for each browser, with two lines out: one on which the
 * application is, and a clean one for the rig. Without root both are loopback.
 *
 * @module
 */
import { execFileSync } from "node:child_process";
import { chmodSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";

/** Where a browser lives. */
export interface Place {
  /** Address of this side of the application's line, as the browser reaches it. */
  readonly line: string;
  /** Address of this side of the clean line. */
  readonly clean: string;
  /** What to run instead of `program` so that it lives there. */
  wrap(program: string): string;
  remove(): void;
}

const ip = (...words: string[]): string => execFileSync("ip", words, { encoding: "utf8", stdio: "pipe" });

/** Whether namespaces can be made here. */
export function namespacesWork(): boolean {
  if (process.getuid?.() !== 0) return false;
  const name = `clprobe${process.pid % 10_000}`;
  try {
    ip("netns", "add", name);
    ip("netns", "del", name);
    return true;
  } catch {
    return false;
  }
}

/** Namespaces that are still there. */
const made = new Set<string>();
// Whatever ends the process, they go with it.
process.once("exit", () => {
  for (const name of made) ip("netns", "del", name);
});

/** A place without walls: everything is on this machine's loopback. */
export function sharedPlace(): Place {
  return { line: "127.0.0.1", clean: "127.0.0.1", wrap: (program) => program, remove: () => undefined };
}

/** A namespace of its own, the `i`th (0 to 99) of this process; scripts that enter it are kept in `folder`. */
export function ownPlace(i: number, folder: string): Place {
  const tag = `${process.pid % 10_000}x${i}`;
  const name = `cl${tag}`;
  const block = process.pid % 200;
  const line = `10.${20 + (block % 100)}.${i}`;
  const clean = `10.${120 + (block % 100)}.${i}`;
  ip("netns", "add", name);
  made.add(name);
  const remove = (): void => {
    if (made.delete(name)) ip("netns", "del", name); // its devices go with it
  };
  try {
    connect(name, `a${tag}`, line);
    connect(name, `b${tag}`, clean);
    ip("-n", name, "link", "set", "lo", "up");
  } catch (cause) {
    remove();
    throw cause;
  }
  return {
    line: `${line}.1`,
    clean: `${clean}.1`,
    wrap: (program) => {
      const script = join(folder, `${basename(program)}-in-${name}.sh`);
      writeFileSync(script, `#!/bin/sh\nexec ip netns exec ${name} ${program} "$@"\n`);
      chmodSync(script, 0o755);
      return script;
    },
    remove,
  };
}

function connect(name: string, device: string, net: string): void {
  ip("link", "add", `${device}h`, "type", "veth", "peer", "name", `${device}n`, "netns", name);
  ip("addr", "add", `${net}.1/30`, "dev", `${device}h`);
  ip("link", "set", `${device}h`, "up");
  ip("-n", name, "addr", "add", `${net}.2/30`, "dev", `${device}n`);
  ip("-n", name, "link", "set", `${device}n`, "up");
}
