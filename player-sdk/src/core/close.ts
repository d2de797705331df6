/**
 * Why the server closed a socket.
 * Spec: RFC 6455 §7.4.2 (4000–4999 are private).
 *
 * @module
 */

/** Close codes. Below 4100 a client comes back; from 4100 on it does not, and says why. */
export const CloseCode = {
  restart: 4000,
  slow: 4001,
  idle: 4002,
  busy: 4003,
  error: 4004,
  hello: 4005,
  invalid: 4100,
  version: 4101,
  channel: 4102,
  denied: 4103,
  tooMany: 4104,
  kicked: 4106,
  banned: 4107,
  pin: 4108,
  link: 4109,
} as const;

/** Whether a client comes back after this code. Codes of the network (1006 and the like) count as yes. */
export const reconnects = (code: number): boolean => code < 4100;

const reasons: ReadonlyMap<number, string> = new Map([
  [1006, "The server cannot be reached."], // no close frame: RFC 6455 §7.1.5
  [CloseCode.restart, "The server is restarting."],
  [CloseCode.slow, "The connection is too slow."],
  [CloseCode.idle, "The connection went silent."],
  [CloseCode.busy, "The server is full."],
  [CloseCode.error, "The server made a mistake."],
  [CloseCode.invalid, "This page sent something the server does not understand. Reload it."],
  [CloseCode.version, "This page is older or newer than the server. Reload it."],
  [CloseCode.channel, "There is no such channel here. Check the address."],
  [CloseCode.denied, "Access denied. Sign in again."],
  [
    CloseCode.tooMany,
    "Too much came from this device. Close its other pages, and reload this one in a minute.",
  ],
  [CloseCode.hello, "The server did not hear from this page in time."],
  [CloseCode.kicked, "The host has removed you. Reload the page to come back."],
  [CloseCode.banned, "The host does not let you take part here."],
  [CloseCode.pin, "This broadcast asks for a PIN."],
  [CloseCode.link, "This link has been used on another device, or is over. Ask the host for another one."],
]);

/** The code in words for the screen. */
export const closeReason = (code: number): string => reasons.get(code) ?? "The connection was closed.";

/** What a server says, as a sentence for the screen; empty stays empty. */
export function sentence(words: string): string {
  if (words === "") return "";
  const whole = words.charAt(0).toUpperCase() + words.slice(1);
  return /[.!?…]$/.test(whole) ? whole : `${whole}.`;
}
