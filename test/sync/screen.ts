/**
 * A browser with one page, as the rig drives it.
 *
 * @module
 */
import type { Place } from "./netns.ts";

/** One screen in front of somebody. */
export interface Screen {
  /** Goes to an address. The screen's script runs before the page's own first line. */
  open(url: string): Promise<void>;
  /** The value of an expression in the page, which must be JSON. */
  evaluate<T>(expression: string): Promise<T>;
  /** Puts another tab in front, or takes it away again. */
  hide(hidden: boolean): Promise<void>;
  /** What went wrong on the page so far. */
  readonly errors: readonly string[];
  close(): Promise<void>;
}

/** How to make a screen. */
export interface ScreenOptions {
  readonly place: Place;
  /** Runs before every page's own first line. */
  readonly script: string;
  /** Origin of the application, which counts as secure as if it had a certificate. */
  readonly origin: string;
  /** Addresses that the page must not load, with `*`. */
  readonly blocked: readonly string[];
  /** Where profiles are made. */
  readonly folder: string;
  /** The program that reaches the browser's control socket. */
  readonly relay: string;
}
