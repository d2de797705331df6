// Runs every test and ends with one summary line: "N passed, N failed".
// Each stage prints its failures in full and one line when it is done.
import { spawn } from "node:child_process";
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { createInterface } from "node:readline";

mkdirSync("artifacts", { recursive: true });

/** Runs a command; `onLine` sees every line of its standard output. */
function run(command, args, onLine) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: ["ignore", "pipe", "inherit"] });
    const lines = createInterface({ input: child.stdout });
    lines.on("line", onLine);
    child.on("error", (err) => {
      console.error(`${command}: ${err.message}`);
      resolve(1);
    });
    child.on("close", (code) => resolve(code ?? 1));
  });
}

/** `go test -json`: counts tests, keeps output until a test is known to be good. */
async function goStage() {
  const result = { passed: 0, failed: 0, skipped: 0 };
  const output = new Map();
  const broken = new Set(); // packages with a failed test
  const code = await run("go", ["test", "-race", "-shuffle=on", "-timeout=10m", "-json", "./..."], (line) => {
    let event;
    try {
      event = JSON.parse(line);
    } catch {
      console.log(line); // the compiler speaks plain text
      return;
    }
    const key = `${event.Package ?? event.ImportPath ?? ""} ${event.Test ?? ""}`;
    if (event.Action === "output" || event.Action === "build-output") {
      output.set(key, (output.get(key) ?? "") + event.Output);
      return;
    }
    if (event.Action === "build-fail") process.stdout.write(output.get(key) ?? "");
    if (event.Action === "fail") {
      process.stdout.write(output.get(key) ?? "");
      // A package fails with its tests; by itself only if it did not get as far as a test.
      if (event.Test !== undefined) broken.add(event.Package);
      if (event.Test !== undefined || !broken.has(event.Package)) result.failed++;
    } else if (event.Test !== undefined && event.Action === "pass") {
      result.passed++;
    } else if (event.Test !== undefined && event.Action === "skip") {
      process.stdout.write(output.get(key) ?? "");
      result.skipped++;
    } else if (event.Test === undefined && event.Action === "pass") {
      console.log(`  ok ${event.Package} (${event.Elapsed.toFixed(1)} s)`);
    }
    if (event.Action !== "run" && event.Action !== "start") output.delete(key);
  });
  return finish(result, code);
}

/** vitest with its JSON report beside its ordinary output. */
async function vitestStage(name, npmArgs) {
  const report = `artifacts/${name}.json`;
  rmSync(report, { force: true });
  const code = await run(
    "npm",
    [
      ...npmArgs,
      "--",
      "--reporter=default",
      "--reporter=json",
      `--outputFile.json=${process.cwd()}/${report}`,
    ],
    (line) => console.log(line),
  );
  const result = { passed: 0, failed: 0, skipped: 0 };
  try {
    const counted = JSON.parse(readFileSync(report, "utf8"));
    result.passed = counted.numPassedTests;
    result.failed = counted.numFailedTests;
    result.skipped = counted.numPendingTests;
  } catch (err) {
    console.error(`${name} left no report: ${err.message}`);
  }
  return finish(result, code);
}

/** A stage that exits badly has failed, whatever it counted. */
function finish(result, code) {
  if (code !== 0 && result.failed === 0) result.failed = 1;
  if (code === 0 && result.passed === 0) {
    console.error("no test ran");
    result.failed = 1;
  }
  return result;
}

const stages = [
  ["Go, with the race detector", () => goStage()],
  ["player SDK", () => vitestStage("player-sdk", ["run", "test", "--workspace", "player-sdk"])],
  ["studio", () => vitestStage("studio", ["run", "test", "--workspace", "studio"])],
  ["test sources", () => vitestStage("e2e-unit", ["run", "test", "--workspace", "test/e2e"])],
  ["synchronisation rig", () => vitestStage("sync-unit", ["run", "test", "--workspace", "test/sync"])],
  [
    "end to end: real encoder, real browsers",
    () => vitestStage("e2e", ["run", "e2e", "--workspace", "test/e2e"]),
  ],
  [
    "synchronisation: three browsers on bad lines",
    () => vitestStage("sync", ["run", "e2e", "--workspace", "test/sync"]),
  ],
];

const total = { passed: 0, failed: 0, skipped: 0 };
for (const [name, stage] of stages) {
  console.log(`\n== ${name}`);
  const began = Date.now();
  const result = await stage();
  for (const key of Object.keys(total)) total[key] += result[key];
  const seconds = ((Date.now() - began) / 1000).toFixed(0);
  console.log(
    `== ${name}: ${result.passed} passed, ${result.failed} failed, ${result.skipped} skipped in ${seconds} s`,
  );
}
console.log();
console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
process.exitCode = total.failed > 0 ? 1 : 0;
