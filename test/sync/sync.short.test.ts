/**
 * The rig in its short form: three browsers on three networks with wrong clocks,
 * twenty cues. It proves that the rig works and that nothing is broken; figures
 * are for `make sync-report` on a quiet machine.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { byProduct, openingRows, spreads } from "./openings.ts";
import { playersOf } from "./options.ts";
import { writeReport } from "./report.ts";
import { run } from "./run.ts";
import { quantile } from "./stats.ts";
import { viewOf } from "./view.ts";

const CUES = 20;
/** Coarse: what lies beyond is a broken clock, not a slow machine. */
const SANE_MS = 1000;

test("windows open together on three screens", async () => {
  const record = await run({
    players: playersOf({
      browsers: 3,
      networks: ["lan", "fibre", "asymmetric"],
      videos: 3,
      firefox: false,
      straight: false,
      spread: 4000,
    }),
    cues: CUES,
    stockCues: 0,
    windowMs: 3000,
    latencyMs: 2500,
    disturbed: false,
    namespaces: "off",
    virtual: 0,
    say: () => undefined,
  });
  const out = mkdtempSync(join(tmpdir(), "cuelight-sync-report-"));
  try {
    process.stdout.write(`\n${writeReport(out, record)}\n`);
    expect(readFileSync(join(out, "report.md"), "utf8")).toContain("G1");
  } finally {
    rmSync(out, { recursive: true, force: true });
  }

  const view = viewOf(record);
  expect(view.product).toHaveLength(3);
  const all = spreads(openingRows(view, view.product, byProduct));
  expect(all.length, "cues that opened on several screens").toBeGreaterThan(CUES * 0.8);
  expect(
    quantile(
      all.map(({ spread }) => spread),
      0.5,
    ),
  ).toBeLessThan(SANE_MS);
  for (const { plan, frames, beliefs } of view.product) {
    expect(frames.length, `frames read from ${plan.id}`).toBeGreaterThan(20);
    const errors = beliefs.flatMap(({ error }) => (error === undefined ? [] : Math.abs(error)));
    expect(quantile(errors, 0.5), `clock error of ${plan.id}, ms`).toBeLessThan(SANE_MS);
  }
  expect(record.players.flatMap(({ errors }) => errors)).toEqual([]);
});
