/**
 * The messages of the WebSocket, with the field names they have on the wire.
 * The Go side is package interact/wire; its testdata are examples that both
 * sides read and write. Instants are µs on the room clock R.
 *
 * @module
 */
import type { Micros, Millis } from "./units.ts";

/** The protocol version that hello and welcome carry. */
export const VERSION = 1;

/** What client and server agree on in the WebSocket handshake. */
export const SUBPROTOCOL = "cuelight.v1.json";

/** The largest message that a client may send, in bytes. */
export const MAX_CLIENT_MESSAGE = 4096;

/** Who speaks on a socket. */
export type Role = "viewer" | "producer";

/** States of a cue, in the order in which it passes them within one revision. */
export const CUE_STATES = [
  "draft", // prepared, not taken
  "scheduled", // O is known and may still move
  "armed", // everybody knows O; the text is withheld
  "keyed", // the text is out, the window not open yet
  "open", // answers count
  "closing", // C has passed, grace runs
  "closed", // the tally is final
  "revealed", // result, and right answer if any, are public
  "cancelled", // withdrawn before anybody saw it
  "void", // withdrawn after it may have been seen
] as const;

/** State of a cue. */
export type CueState = (typeof CUE_STATES)[number];

/** What is asked: an opinion, or a question with one right answer. */
export type Kind = "poll" | "trivia";

/** When viewers see the bars: while people answer, or at reveal. */
export type Results = "live" | "reveal";

/** How well a player holds the target latency: within 100 ms, within 1 s, further away, no video. */
export type SyncClass = "in" | "near" | "far" | "none";

/** What is known of the timeline: see the server's estimator. */
export type TimelineState = "acquiring" | "locked" | "holdover" | "lost";

/** Question and options. Viewers are not sent it before O − κ. */
export interface Text {
  readonly title: string;
  readonly options: readonly string[];
}

/** One interaction with its place on the timeline. */
export interface Cue {
  readonly id: string;
  readonly rev: number;
  readonly kind: Kind;
  readonly policy: string;
  readonly state: CueState;
  /** The window is [o_us, c_us) on R. Missing while a draft. */
  readonly o_us?: Micros;
  readonly c_us?: Micros;
  /** The planned length of the window. */
  readonly window_ms: Millis;
  /** Number of options. */
  readonly choices: number;
  readonly results: Results;
  readonly text?: Text;
  /** Index of the right option: for viewers only once revealed. */
  readonly correct?: number;
  /** Says to producers why the cue is as it is. */
  readonly note?: string;
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
}

/** First message of a client. */
export interface HelloMessage {
  readonly t: "hello";
  readonly v: number;
  readonly channel: string;
  readonly role?: Role;
  /** Identity from an earlier welcome, or a producer's token. */
  readonly token?: string;
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

/** Viewers of the channel, for producers. */
export interface PresenceMessage {
  readonly t: "presence";
  readonly viewers: number;
  readonly synced: number;
  readonly in: number;
  readonly near: number;
  readonly far: number;
}

/** How far apart the windows of a cue opened, for producers. */
export interface OpeningsMessage {
  readonly t: "openings";
  readonly cue: string;
  readonly rev: number;
  readonly reported: number;
  readonly late: number;
  /** Viewers connected at O. */
  readonly expected: number;
  /** Of |opening − O|. */
  readonly p50_us: Micros;
  readonly p95_us: Micros;
  readonly max_us: Micros;
  /** The last opening minus the first. */
  readonly spread_us: Micros;
}

/** One quality of the picture, or the sound. */
export interface HealthRendition {
  /** Of its playlist, such as `video2`. */
  readonly name: string;
  /** As people call it: `H.264`. */
  readonly codec: string;
  readonly width?: number;
  readonly height?: number;
  readonly fps?: number;
  /** Bits per second. */
  readonly bitrate: number;
  /** The server made it of the encoder's picture. */
  readonly derived?: boolean;
}

/** How the transcoder does. */
export interface HealthLadder {
  /** `starting`, `running`, `waiting` or `missing`. */
  readonly state: string;
  /** Cores in use, over the last seconds. */
  readonly cpu: number;
  /** Of this session. */
  readonly restarts: number;
  /** Why it does not run. */
  readonly error?: string;
}

/** A channel at a glance, for producers, once a second. */
export interface HealthMessage {
  readonly t: "health";
  readonly live: boolean;
  /** Missing while no encoder is connected. */
  readonly protocol?: string;
  readonly video?: string;
  readonly audio?: string;
  /** Bits per second, over the last seconds. */
  readonly bitrate: number;
  /** Seconds between key frames; 0 while unknown. */
  readonly gop_s: number;
  readonly timeline: string;
  /** Encoder clock against R. */
  readonly ppm: number;
  readonly uptime_s: number;
  readonly latency_ms: Millis;
  /** What the encoder calls itself. */
  readonly encoder?: string;
  /** Bits of each of the last seconds, at most ten, oldest first. */
  readonly bitrates?: readonly number[];
  /** The p95 distance of clean arrivals from the timeline. */
  readonly residual_ms: number;
  /** The same of all arrivals. */
  readonly jitter_ms: number;
  /** How much later sound arrives than pictures of the same time; negative if earlier. */
  readonly av_offset_ms?: number;
  /** What B-frames add. */
  readonly reorder_ms?: number;
  /** What the transport knows of the way; missing where it knows nothing. */
  readonly rtt_ms?: number;
  /** Share of packets lost at the first try, 0 to 1. */
  readonly loss?: number;
  readonly retransmits?: number;
  /** Packets that never came in time. */
  readonly lost_packets?: number;
  /** The receiver's buffer (SRT). */
  readonly link_latency_ms?: Millis;
  readonly encryption?: string;
  /** What viewers can choose from, best first. */
  readonly renditions?: readonly HealthRendition[];
  /** Missing unless the channel has one. */
  readonly ladder?: HealthLadder;
  /** What the broadcaster should change, most important first. */
  readonly advice: readonly string[];
}

/** The server is about to close the socket. */
export interface ByeMessage {
  readonly t: "bye";
  readonly code: number;
  readonly reason: string;
  readonly reconnect: boolean;
  readonly after_ms?: Millis;
}

/** Whatever a client sends as JSON. */
export type ClientMessage = HelloMessage | AnswerMessage | OpenedMessage | StatusMessage;

/** Whatever the server sends as JSON. */
export type ServerMessage =
  | WelcomeMessage
  | TimelineMessage
  | CueMessage
  | RemovedMessage
  | TallyMessage
  | ReceiptMessage
  | RefusedMessage
  | PresenceMessage
  | OpeningsMessage
  | HealthMessage
  | ByeMessage;
