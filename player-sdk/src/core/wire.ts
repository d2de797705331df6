/**
 * The messages of the WebSocket, with the field names they have on the wire.
 * The Go side is package interact/wire; its testdata are examples that both
 * sides read and write. Instants are µs on the room clock R.
 *
 * @module
 */
import type { Cue } from "./cue.ts";
import type { HealthMessage } from "./health.ts";
import type { OpeningReason, OpeningsMessage } from "./openings.ts";
import type { PresenceMessage, RosterMessage } from "./presence.ts";
import type { Micros, Millis } from "./units.ts";

export * from "./cue.ts";
export * from "./health.ts";
export * from "./openings.ts";
export * from "./presence.ts";

/** The protocol version that hello and welcome carry. */
export const VERSION = 1;

/** What client and server agree on in the WebSocket handshake: how messages are written. */
export const SUBPROTOCOL = "cuelight.v1.json";
/** The same for messages in MessagePack. */
export const MSGPACK_SUBPROTOCOL = "cuelight.v1.msgpack";

/** The largest message that a client may send, in bytes. */
export const MAX_CLIENT_MESSAGE = 4096;
/** The longest PIN that hello carries, in bytes. */
export const MAX_PIN = 32;
/** The longest code of a one-time link, in bytes. */
export const MAX_LINK = 64;

/** Who speaks on a socket. */
export type Role = "viewer" | "producer";

/** How sure it is that a participant is one person, weakest first. */
export const GRADES = ["device", "pin", "link", "account"] as const;

/** One of {@link GRADES}: anonymous device, knew the PIN, had a one-time link, signed in at the host's site. */
export type Grade = (typeof GRADES)[number];

/** How well a player holds the target latency: within 100 ms, within 1 s, further away, no video. */
export type SyncClass = "in" | "near" | "far" | "none";

/** What is known of the timeline: see the server's estimator. */
export type TimelineState = "acquiring" | "locked" | "holdover" | "lost";

/** What L will be from an instant on. */
export interface NextLatency {
  readonly latency_ms: Millis;
  readonly at_us: Micros;
}

/** A map from channel media time to R. */
export interface Timeline {
  /** Counts publisher sessions of the channel. */
  readonly epoch: number;
  /** Grows with every change. */
  readonly rev: number;
  readonly state: TimelineState;
  /** Ticks in a second. */
  readonly scale: number;
  /** [ticks, µs on R], ascending in both. */
  readonly points: readonly (readonly [number, Micros])[];
  /** Target latency L: media stamped P is due on every screen at P + L. */
  readonly latency_ms: Millis;
  /** A change of L that has been announced. */
  readonly next?: NextLatency;
  readonly live: boolean;
}

/** The count so far. The highest version of a cue holds. */
export interface Tally {
  readonly cue: string;
  readonly ver: number;
  readonly counts: readonly number[];
  readonly total: number;
  readonly final?: boolean;
}

/** The answer is durable and counted. */
export interface Receipt {
  /** Of the answer it replies to; missing for one of an earlier visit. */
  readonly id?: string;
  readonly cue: string;
  readonly choice: readonly number[];
  /** Counts the counted answers of the cue, from 1. */
  readonly seq: number;
  /** The instant the answer is credited with. */
  readonly at_us: Micros;
  readonly level: string;
  /** How many times this participant has changed its answer; missing for never. */
  readonly changes?: number;
}

/** A place in the channel's log of what is broadcast to viewers. */
export interface Resume {
  /** Names the log: one that began anew has another name. */
  readonly epoch: string;
  /** Everything up to it is known. */
  readonly offset: number;
}

/** First message of a client. */
export interface HelloMessage {
  readonly t: "hello";
  readonly v: number;
  readonly channel: string;
  readonly role?: Role;
  /** Identity from an earlier welcome, or a producer's token. */
  readonly token?: string;
  /** Token of the last {@link GraceMessage}. */
  readonly grace?: string;
  /** How far this viewer has read the log. */
  readonly resume?: Resume;
  /** What the viewer typed, at most {@link MAX_PIN} bytes. */
  readonly pin?: string;
  /** Code of a one-time link, at most {@link MAX_LINK} bytes. */
  readonly link?: string;
}

/** A viewer's choice. Sent again unchanged until receipt or refused comes. */
export interface AnswerMessage {
  readonly t: "answer";
  /** At most 32 bytes. */
  readonly id: string;
  readonly cue: string;
  readonly rev: number;
  readonly choice: readonly number[];
  /** The tap on R by this device's clock; missing without one. */
  readonly at_us?: Micros;
  /** Bound of the clock's error. */
  readonly disp_us?: Micros;
}

/** When this viewer's window opened. */
export interface OpenedMessage {
  readonly t: "opened";
  readonly cue: string;
  readonly rev: number;
  /** When the overlay became visible. */
  readonly at_us: Micros;
  /** Channel instant of the picture on screen at that moment. */
  readonly frame_us?: Micros;
  readonly disp_us: Micros;
  readonly class: SyncClass;
  /** Joined inside the window. */
  readonly late?: boolean;
  /** Missing if there is nothing to say. */
  readonly why?: OpeningReason;
}

/** When the window closed on this viewer's screen: the buttons are gone. */
export interface ClosedMessage {
  readonly t: "closed";
  readonly cue: string;
  readonly rev: number;
  readonly at_us: Micros;
}

/** A viewer's heartbeat. */
export interface StatusMessage {
  readonly t: "status";
  readonly synced: boolean;
  readonly disp_us: Micros;
  readonly rtt_us: Micros;
  /** How late the displayed frame is against the target; negative if early. */
  readonly err_us?: Micros;
  readonly class: SyncClass;
  readonly visible: boolean;
  /** Visible and playing for 30 s, the player could not hold L. */
  readonly stuck?: boolean;
}

/** Answers the ping of a stream that is no WebSocket. */
export interface AliveMessage {
  readonly t: "pong";
  /** Of the ping. */
  readonly nonce: string;
}

/** Answers hello with all that a joiner must know. */
export interface WelcomeMessage {
  readonly t: "welcome";
  readonly v: number;
  readonly channel: string;
  readonly title: string;
  readonly role: Role;
  readonly participant: string;
  readonly token?: string;
  /** How sure it is that the participant is one person; missing for producers. */
  readonly grade?: Grade;
  /** Names the log of what the channel's viewers are sent; missing for producers. */
  readonly epoch?: string;
  /** The snapshot holds everything up to it. */
  readonly offset?: number;
  /** What was held still holds: everything after hello's offset follows as messages, and the lists are empty. */
  readonly resumed?: boolean;
  readonly clock_epoch: number;
  readonly now_us: Micros;
  readonly timeline?: Timeline;
  readonly cues: readonly Cue[];
  readonly tallies: readonly Tally[];
  /** Those of this participant. */
  readonly receipts: readonly Receipt[];
}

/** The timeline changed. */
export interface TimelineMessage extends Timeline {
  readonly t: "timeline";
}

/** A new or changed cue. */
export interface CueMessage {
  readonly t: "cue";
  readonly cue: Cue;
}

/** The key of a cue's seal, κ before it opens. */
export interface KeyMessage {
  readonly t: "key";
  readonly cue: string;
  readonly rev: number;
  readonly kid: string;
  readonly key: string;
}

/** What the server has measured of this viewer's line, signed, for the next connection. */
export interface GraceMessage {
  readonly t: "grace";
  readonly token: string;
  readonly until_us: Micros;
}

/** A draft was deleted; only producers hear of it. */
export interface RemovedMessage {
  readonly t: "removed";
  readonly cue: string;
}

/** A newer count. */
export interface TallyMessage extends Tally {
  readonly t: "tally";
}

/** An answer was counted. */
export interface ReceiptMessage extends Receipt {
  readonly t: "receipt";
}

/** An answer was not counted, and why, in words for the viewer's screen. */
export interface RefusedMessage {
  readonly t: "refused";
  readonly id: string;
  readonly cue: string;
  readonly code: string;
  readonly message: string;
}

/** The server is about to close the socket. */
export interface ByeMessage {
  readonly t: "bye";
  readonly code: number;
  readonly reason: string;
  readonly reconnect: boolean;
  readonly after_ms?: Millis;
  /** Another server that may have room: "https://node2.example.com". */
  readonly try?: string;
}

/** Whatever a client sends, the clock's frames apart. */
export type ClientMessage =
  | HelloMessage
  | AnswerMessage
  | OpenedMessage
  | ClosedMessage
  | StatusMessage
  | AliveMessage;

/** Whatever the server sends, the clock's frames apart. */
export type ServerMessage =
  | WelcomeMessage
  | TimelineMessage
  | CueMessage
  | KeyMessage
  | GraceMessage
  | RemovedMessage
  | TallyMessage
  | ReceiptMessage
  | RefusedMessage
  | PresenceMessage
  | RosterMessage
  | OpeningsMessage
  | HealthMessage
  | ByeMessage;
