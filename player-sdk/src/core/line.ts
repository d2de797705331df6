/**
 * A way to the server and back, in this thread or another.
 *
 * @module
 */
import type { ClockChange, RoomReader } from "./clock.ts";
import type { CodecName } from "./encoding.ts";
import type { Link } from "./room.ts";
import type { TransportSetting } from "./transport.ts";
import type { Micros } from "./units.ts";
import type { ClientMessage, Role, ServerMessage } from "./wire.ts";

/** What a line needs of a WebSocket. */
export type Socket = Pick<
  WebSocket,
  "binaryType" | "readyState" | "protocol" | "send" | "close" | "onopen" | "onmessage" | "onclose" | "onerror"
>;

/** What hello says of who comes. */
export interface Identity {
  /** From an earlier welcome, or a producer's. */
  readonly token?: string | undefined;
  /** What the server has measured of an earlier line. */
  readonly grace?: string | undefined;
  /** What the viewer typed; until a welcome comes. */
  readonly pin?: string | undefined;
  /** Code of a one-time link; until a welcome comes. */
  readonly link?: string | undefined;
}

/** Where a line leads, and how. */
export interface LineTarget {
  /** Of the socket: wss://HOST/ws/v1. The stream and its posts lie on the same host. */
  readonly url: string;
  readonly channel: string;
  readonly role: Role;
  /** Default "auto". */
  readonly transport?: TransportSetting | undefined;
  /** How messages on a socket are written, if the server can do it. Default "json". */
  readonly codec?: CodecName | undefined;
  /**
   * Origins of servers that this one may send the viewer to, such as
   * "https://node2.example.com": they learn its token. Default none.
   */
  readonly trust?: readonly string[] | undefined;
}

/** Why a line should look after itself: the page is used again, or the device may be in another network. */
export type Wake = "page" | "network";

/** Whom a line tells. */
export interface LineListener {
  readonly message: (message: ServerMessage) => void;
  readonly link: (link: Link) => void;
  /** After every pong, and when the samples are dropped. */
  readonly clock: (change: ClockChange | "reset") => void;
  /** The server no longer knows the token: it is forgotten. */
  readonly denied: () => void;
  /** Something went wrong that ends nothing. */
  readonly warn: (message: string, cause: unknown) => void;
}

/** A connection to a room, in this thread or another. */
export interface Line {
  readonly clock: RoomReader;
  /** Where socket and clock are, in words for the details. */
  readonly thread: string;
  /** Runs until `signal` aborts or the server refuses for good; the last link then says why. Once at a time. */
  run(listener: LineListener, options: { readonly signal: AbortSignal }): Promise<void>;
  /** What the next hello says. */
  identify(identity: Identity): void;
  /** False if it cannot be sent now. */
  send(message: ClientMessage): boolean;
  /** Instants O of the cues ahead. */
  expect(openings: readonly Micros[]): void;
  /** Connects at once, or sees whether the connection still lives, and measures the clock. */
  wake(why: Wake): void;
}
