/**
 * Cuelight's player: everything but the registration of its elements, which is
 * define.ts. Importing it has no side effects.
 *
 * @module
 */
export * from "./core/index.ts";
export * from "./elements/index.ts";
export * from "./player/index.ts";
