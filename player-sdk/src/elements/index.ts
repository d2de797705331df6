/**
 * The elements' classes. Importing them registers nothing: define.ts does.
 *
 * @module
 */
export * from "./cuelight-details.ts";
export * from "./cuelight-door.ts";
export * from "./cuelight-overlay.ts";
export * from "./cuelight-player.ts";
export * from "./cuelight-status.ts";
export * from "./details-view.ts";
export * from "./door-view.ts";
export * from "./events.ts";
export * from "./overlay-view.ts";
export * from "./session.ts";
export * from "./status-view.ts";
