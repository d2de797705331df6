/**
 * Protocol, clock, room and control, without a DOM: runs in a browser and in
 * Node. Importing it has no side effects.
 *
 * @module
 */
export { backoff } from "./backoff.ts";
export * from "./clock.ts";
export { ClockSync, type ClockSyncOptions, localNow } from "./clock-sync.ts";
export * from "./close.ts";
export * from "./codec.ts";
export * from "./connection.ts";
export * from "./controller.ts";
export { Outbox, type OutboxOptions } from "./outbox.ts";
export * from "./ping.ts";
export * from "./ping-schedule.ts";
export * from "./room.ts";
export { ShapeError } from "./shape.ts";
export * from "./stage.ts";
export * from "./start-delay.ts";
export * from "./timeline.ts";
export * from "./units.ts";
export * from "./wire.ts";
