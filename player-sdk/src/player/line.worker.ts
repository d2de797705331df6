/**
 * The thread of the socket and the room clock.
 *
 * @module
 */
import { hostLine } from "../core/line-host.ts";
import type { LineEvent, LineRequest, Port } from "../core/line-port.ts";

hostLine(self as unknown as Port<LineRequest, LineEvent>);
