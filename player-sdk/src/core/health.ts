/**
 * A channel's health, as producers are told of it once a second.
 *
 * @module
 */
import type { Millis } from "./units.ts";

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
  /** The event is over, and the next one has not begun. */
  readonly ended?: boolean;
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
