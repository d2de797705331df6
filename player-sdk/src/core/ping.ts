/**
 * Binary frames of the clock exchange, big-endian. They bypass JSON.
 *
 * @module
 */
import { type Micros, type Millis, micros, millis } from "./units.ts";

const PING = 1;
const PONG = 2;
const PING_SIZE = 1 + 2 + 8;
const PONG_SIZE = 1 + 2 + 8 + 8 + 8 + 4;

/** Asks for the server's clock: u8 type=1, u16 seq, f64 t1. */
export interface Ping {
  readonly seq: number;
  /** t1, on this device's clock; the server only echoes it. */
  readonly sentAt: Millis;
}

/** Answers a ping: u8 type=2, u16 seq, f64 t1, i64 t2, i64 t3, u32 clock epoch. */
export interface Pong extends Ping {
  /** t2, on R. */
  readonly received: Micros;
  /** t3, on R. */
  readonly replied: Micros;
  readonly clockEpoch: number;
}

/** Writes a ping. */
export function encodePing(ping: Ping): ArrayBuffer {
  const frame = new ArrayBuffer(PING_SIZE);
  writePing(new DataView(frame), PING, ping);
  return frame;
}

function writePing(view: DataView, type: number, ping: Ping): void {
  view.setUint8(0, type);
  view.setUint16(1, ping.seq);
  view.setFloat64(3, ping.sentAt);
}

/** Writes a pong, for rigs that play the server. */
export function encodePong(pong: Pong): ArrayBuffer {
  const frame = new ArrayBuffer(PONG_SIZE);
  const view = new DataView(frame);
  writePing(view, PONG, pong);
  view.setBigInt64(11, BigInt(pong.received));
  view.setBigInt64(19, BigInt(pong.replied));
  view.setUint32(27, pong.clockEpoch);
  return frame;
}

/** Reads a ping, for rigs that play the server. Undefined if the frame is something else. */
export function decodePing(frame: ArrayBuffer): Ping | undefined {
  const view = new DataView(frame);
  if (frame.byteLength !== PING_SIZE || view.getUint8(0) !== PING) return undefined;
  return { seq: view.getUint16(1), sentAt: millis(view.getFloat64(3)) };
}

/** Reads a pong. Undefined if the frame is something else. */
export function decodePong(frame: ArrayBuffer): Pong | undefined {
  const view = new DataView(frame);
  if (frame.byteLength !== PONG_SIZE || view.getUint8(0) !== PONG) return undefined;
  return {
    seq: view.getUint16(1),
    sentAt: millis(view.getFloat64(3)),
    received: micros(Number(view.getBigInt64(11))),
    replied: micros(Number(view.getBigInt64(19))),
    clockEpoch: view.getUint32(27),
  };
}
