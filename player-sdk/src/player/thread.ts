/// <reference types="vite/client" />
/**
 * Gives the socket a thread of its own.
 *
 * @module
 */
import { type Line, type LineTarget, loadMsgpack, WorkerLine, type WorkerPort } from "../core/index.ts";
// Inlined, so that the SDK stays one file, wherever that is loaded from.
import LineWorker from "./line.worker.ts?worker&inline";

const NAME = "cuelight";

/** A worker that reads MessagePack is another one, and comes only to those who want it. */
const msgpackWorker = async (): Promise<WorkerPort> => {
  const { default: Worker } = await import("./line-msgpack.worker.ts?worker&inline");
  return new Worker({ name: NAME });
};

/** A line in a worker; in the page where workers are refused. */
export const threadedLine = (target: LineTarget): Line =>
  new WorkerLine({
    ...target,
    msgpack: loadMsgpack,
    worker: target.codec === "msgpack" ? msgpackWorker : () => new LineWorker({ name: NAME }),
  });
