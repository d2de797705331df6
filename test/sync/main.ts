/**
 * The rig as a command: runs, keeps what was seen, writes the report.
 *
 * @module
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { lowest } from "./lowest.ts";
import { optionsOf, USAGE } from "./options.ts";
import type { RunRecord } from "./record.ts";
import { writeReport } from "./report.ts";
import { run } from "./run.ts";

const say = (line: string): void => {
  process.stdout.write(`${new Date().toISOString().slice(11, 19)} ${line}\n`);
};

/** Returns the exit code. */
export async function main(args: readonly string[]): Promise<number> {
  const options = optionsOf(args);
  if (options.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  mkdirSync(options.out, { recursive: true });
  if (options.lowest) {
    process.stdout.write(`\n${await lowest({ ...options.run, say }, options.out, options.networks)}\n`);
    return 0;
  }
  const record = options.from === undefined ? await run({ ...options.run, say }) : read(options.from);
  if (options.from === undefined) writeFileSync(join(options.out, "raw.json"), JSON.stringify(record));
  process.stdout.write(`\n${writeReport(options.out, record)}\n${join(options.out, "report.md")}\n`);
  return 0;
}

function read(file: string): RunRecord {
  return JSON.parse(readFileSync(file, "utf8")) as RunRecord;
}
