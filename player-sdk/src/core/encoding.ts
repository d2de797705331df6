/**
 * Messages to frames and back: JSON, and what every way of writing them has in
 * common.
 *
 * @module
 */
import { readClient, readOffset, readServer, writeClient, writeServer } from "./codec.ts";
import { ShapeError } from "./shape.ts";
import { type ClientMessage, type ServerMessage, SUBPROTOCOL } from "./wire.ts";

/** How messages are written. */
export type CodecName = "json" | "msgpack";

/** A message of the server. */
export interface Received {
  readonly message: ServerMessage;
  /** Its place in the channel's log; 0 if it has none. */
  readonly offset: number;
}

/** One way of writing messages. */
export interface MessageCodec {
  readonly name: CodecName;
  readonly subprotocol: string;
  encode(message: ClientMessage): string | ArrayBuffer;
  /**
   * Reads a frame.
   *
   * @throws ShapeError for what is no message of the server.
   */
  decode(frame: string | ArrayBuffer): Received;
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    throw new ShapeError(`message: ${json.slice(0, 40)} is not JSON`);
  }
}

/** Messages in JSON. */
export const jsonCodec: MessageCodec = {
  name: "json",
  subprotocol: SUBPROTOCOL,
  encode: (message) => encodeClient(message),
  decode(frame) {
    if (typeof frame !== "string") throw new ShapeError("message: a binary frame is not JSON");
    const value = parse(frame);
    return { message: readServer(value), offset: readOffset(value) };
  },
};

/**
 * Reads a message of the server.
 *
 * @throws UnknownTypeError for a type that is not ours, ShapeError for anything else that is wrong.
 */
export const decodeServer = (text: string): ServerMessage => readServer(parse(text));

/** Writes a message of a client, fields in the order of the examples. */
export const encodeClient = (message: ClientMessage): string => JSON.stringify(writeClient(message));

/**
 * Reads a message of a client, for rigs that play the server.
 *
 * @throws as {@link decodeServer}.
 */
export const decodeClient = (text: string): ClientMessage => readClient(parse(text));

/** Writes a message of the server, with its offset if it has one; for rigs that play it. */
export const encodeServer = (message: ServerMessage, offset = 0): string =>
  JSON.stringify({ ...writeServer(message), ...(offset === 0 ? {} : { off: offset }) });
