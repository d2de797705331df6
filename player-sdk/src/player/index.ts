/**
 * Plays a channel in a `<video>` and holds it to the room clock. Needs a
 * browser; importing it has no side effects.
 *
 * @module
 */
export * from "./alignment.ts";
export * from "./browser.ts";
export * from "./carriers.ts";
export * from "./closing.ts";
export * from "./feed.ts";
export * from "./frame-meter.ts";
export * from "./heartbeat.ts";
export * from "./hls-source.ts";
export * from "./live-player.ts";
export { NativeSource } from "./native-source.ts";
export * from "./opening.ts";
export * from "./picture-map.ts";
export { StuckMeter } from "./stuck.ts";
export { threadedLine } from "./thread.ts";
export * from "./view.ts";
