// Runs the rig: `node run.mjs --help` says how.
import { fileURLToPath } from "node:url";
import { runnerImport } from "vite";

for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(130));
const { module } = await runnerImport(fileURLToPath(new URL("main.ts", import.meta.url)), {
  configFile: false,
  logLevel: "error",
});
process.exitCode = await module.main(process.argv.slice(2));
process.exit();
