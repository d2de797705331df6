/**
 * The thread of the socket and the room clock, for messages in MessagePack.
 *
 * @module
 */
import { hostLine } from "../core/line-host.ts";
import type { LineEvent, LineRequest, Port } from "../core/line-port.ts";
import { msgpackCodec } from "../core/msgpack.ts";

hostLine(self as unknown as Port<LineRequest, LineEvent>, { msgpack: () => Promise.resolve(msgpackCodec) });
