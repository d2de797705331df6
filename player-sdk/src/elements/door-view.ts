/**
 * What a viewer is told who is not let in. Pure.
 *
 * @module
 */
import { CloseCode, closeReason, type Link } from "../core/index.ts";

/** Why the viewer is not let in, and what can be done. */
export interface DoorView {
  readonly title: string;
  readonly text: string;
  /** What helps: the PIN, another visit, or nothing that the viewer could do. */
  readonly way: "pin" | "reload" | "none";
  /** PINs that were tried. */
  readonly tries: number;
  /** What was wrong with the last one; empty for nothing. */
  readonly error: string;
}

const view = (title: string, text: string, way: DoorView["way"]): DoorView => ({
  ...{ title, text, way },
  ...{ tries: 0, error: "" },
});

/** The form for the PIN. What the server says of a wrong one is said anew each time. */
const pinView = (reason: string, tries: number): DoorView => ({
  ...view("This broadcast asks for a PIN", "The host has told it to those who may take part.", "pin"),
  tries,
  error: tries === 0 ? "" : tries === 1 ? reason : `${reason} (${tries} tries)`,
});

/**
 * The view of a link; undefined while the viewer is let in, or may yet be.
 *
 * @param tries - PINs that were tried.
 */
export function doorView(link: Link, tries = 0): DoorView | undefined {
  if (link.is !== "refused") return undefined;
  const { code, reason } = link;
  switch (code) {
    case CloseCode.pin:
      return pinView(reason === closeReason(code) ? "This PIN is not right." : reason, tries);
    case CloseCode.kicked:
      return view("The host has removed you", "You may come back and go on taking part.", "reload");
    case CloseCode.banned:
      return view("You cannot take part", closeReason(code), "none");
    case CloseCode.link:
      return view("This link does not let you in", reason, "none");
    case CloseCode.tooMany:
      return view("Too much from this device", tooMany(reason), "reload");
    case CloseCode.denied:
      return view("You are not let in", reason, "none");
    case CloseCode.channel:
      return view("There is no such broadcast", closeReason(code), "none");
    default:
      return view("You cannot take part just now", reason, "reload");
  }
}

/** What there was too much of, and what to do. */
function tooMany(reason: string): string {
  const help = closeReason(CloseCode.tooMany);
  return reason === help
    ? help
    : `${reason} Close other pages of this broadcast, and reload this one in a minute.`;
}
