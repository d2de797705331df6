/**
 * Protocol, clock, room and control, without a DOM: runs in a browser and in
 * Node. Importing it has no side effects.
 *
 * @module
 */
export { backoff } from "./backoff.ts";
export { BridgedClock } from "./bridged-clock.ts";
export * from "./clock.ts";
export { ClockSync, type ClockSyncOptions, localNow } from "./clock-sync.ts";
export * from "./close.ts";
export * from "./codec.ts";
export * from "./connection.ts";
export * from "./controller.ts";
export * from "./encoding.ts";
export { EventReader, EventTooLargeError, type StreamEvent } from "./event-stream.ts";
export * from "./in-band.ts";
export { KeyFetcher, type KeyFetcherOptions } from "./key-fetcher.ts";
export * from "./line.ts";
export { hostLine } from "./line-host.ts";
export * from "./line-port.ts";
export { loadMsgpack } from "./load-msgpack.ts";
export * from "./local-line.ts";
export { LogPosition } from "./log-position.ts";
export { Outbox, type OutboxOptions } from "./outbox.ts";
export * from "./phase.ts";
export { PictureClock } from "./picture-clock.ts";
export * from "./ping.ts";
export * from "./ping-schedule.ts";
export { PlaylistRoom, type PlaylistRoomOptions } from "./playlist-room.ts";
export { RateProbe, type RateReading } from "./rate-probe.ts";
export { refusalReason } from "./refusal.ts";
export * from "./room.ts";
export * from "./seal.ts";
export { ShapeError } from "./shape.ts";
export { sendDelay } from "./spread.ts";
export * from "./stage.ts";
export * from "./start-delay.ts";
export { type Fetch, StreamSocket } from "./stream-socket.ts";
export * from "./target.ts";
export * from "./timeline.ts";
export * from "./transport.ts";
export * from "./units.ts";
export * from "./wire.ts";
export * from "./worker-line.ts";
