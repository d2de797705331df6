/**
 * What is sent to a page before its own first line.
 *
 * @module
 */
import { FRAME_CODE_SCRIPT } from "../e2e/browser.ts";
import { type ClockSpec, patchClocks } from "./page/clocks.ts";
import { installProbe, type ProbeSpec } from "./page/probe.ts";

/** One script: the clocks are bent, then the probe is put in. */
export function pageScript(clocks: ClockSpec, probe: ProbeSpec): string {
  return [
    `(${patchClocks.toString()})(${JSON.stringify(clocks)});`,
    FRAME_CODE_SCRIPT,
    `(${onceLoaded.toString()})(() => (${installProbe.toString()})(${JSON.stringify(probe)}));`,
  ].join("\n");
}

/** The probe needs a document, and the empty page that a tab begins with is none of ours. */
function onceLoaded(start: () => void): void {
  if (location.protocol === "about:") return;
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start, { once: true });
  else start();
}
