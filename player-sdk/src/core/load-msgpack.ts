/**
 * Brings MessagePack when it is wanted, and not before.
 *
 * @module
 */
import type { MessageCodec } from "./encoding.ts";

/** @throws if it cannot be loaded. */
export const loadMsgpack = async (): Promise<MessageCodec> => (await import("./msgpack.ts")).msgpackCodec;
