/// <reference types="vite/client" />
/**
 * Gives the socket a thread of its own.
 *
 * @module
 */
import { type Line, type LineTarget, WorkerLine } from "../core/index.ts";
// Inlined, so that the SDK stays one file, wherever that is loaded from.
import LineWorker from "./line.worker.ts?worker&inline";

/** A line in a worker; in the page where workers are refused. */
export const threadedLine = (target: LineTarget): Line =>
  new WorkerLine({ ...target, worker: () => new LineWorker({ name: "cuelight" }) });
