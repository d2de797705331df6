/**
 * Messages in MessagePack: the same maps as in JSON, in binary frames. Loaded
 * only by who uses it.
 *
 * @module
 */
import { Decoder, Encoder } from "@msgpack/msgpack";
import { readClient, readOffset, readServer, writeClient, writeServer } from "./codec.ts";
import type { MessageCodec } from "./encoding.ts";
import { ShapeError } from "./shape.ts";
import { type ClientMessage, MSGPACK_SUBPROTOCOL, type ServerMessage } from "./wire.ts";

/** No frame of the protocol is as large; a length that says otherwise is refused before anything is made of it. */
const MAX_FRAME = 4 * 1024 * 1024;

const decoder = new Decoder({
  maxStrLength: MAX_FRAME,
  maxBinLength: 0,
  maxExtLength: 0,
  maxArrayLength: 65_536,
  maxMapLength: 4096,
});
const encoder = new Encoder({ ignoreUndefined: true, maxDepth: 16 });

function parse(frame: ArrayBuffer): unknown {
  try {
    return decoder.decode(frame);
  } catch {
    throw new ShapeError(`message: a frame of ${frame.byteLength} bytes is not MessagePack`);
  }
}

const write = (value: object): ArrayBuffer => encoder.encode(value).buffer;

/** Messages in MessagePack. */
export const msgpackCodec: MessageCodec = {
  name: "msgpack",
  subprotocol: MSGPACK_SUBPROTOCOL,
  encode: (message) => write(writeClient(message)),
  decode(frame) {
    if (typeof frame === "string") throw new ShapeError("message: a text frame is not MessagePack");
    const value = parse(frame);
    return { message: readServer(value), offset: readOffset(value) };
  },
};

/**
 * Reads a message of a client, for rigs that play the server.
 *
 * @throws ShapeError.
 */
export const unpackClient = (frame: ArrayBuffer): ClientMessage => readClient(parse(frame));

/** Writes a message of the server, with its offset if it has one; for rigs that play it. */
export const packServer = (message: ServerMessage, offset = 0): ArrayBuffer =>
  write({ ...writeServer(message), ...(offset === 0 ? {} : { off: offset }) });
