/**
 * Sealed questions: AES-256-GCM, bound to channel, cue and revision. In plain
 * JavaScript, because browsers keep theirs from pages without TLS. Pure.
 *
 * @module
 */
import { gcm } from "@noble/ciphers/aes.js";
import { readText } from "./codec.ts";
import type { Seal, Text } from "./cue.ts";
import { ShapeError } from "./shape.ts";

const KEY_BYTES = 32;
const IV_BYTES = 12;
const MAX_SEALED = 16_384; // characters of base64url; the server's limit on a text is far below

const alphabet = /^[A-Za-z0-9_-]*$/;

/**
 * Bytes of base64url without padding (RFC 4648 §5).
 *
 * @throws ShapeError.
 */
export function fromBase64Url(text: string): Uint8Array {
  if (!alphabet.test(text) || text.length % 4 === 1) throw new ShapeError("seal: not base64url");
  const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(binary, (c) => c.charCodeAt(0));
}

const boundTo = (channel: string, cue: string, rev: number): Uint8Array =>
  new TextEncoder().encode(`${channel}\n${cue}\n${rev}`);

/** A seal, a key, and what the seal is bound to. */
export interface Sealed {
  readonly channel: string;
  /** The cue's ID. */
  readonly cue: string;
  readonly seal: Seal;
  /** Base64url. */
  readonly key: string;
}

/**
 * The text in a seal.
 *
 * @throws ShapeError if key, cue or bytes are not those that it was made with, or hold something else.
 */
export function openSeal({ channel, cue, seal, key }: Sealed): Text {
  if (seal.ct.length > MAX_SEALED) throw new ShapeError("seal: too long");
  const secret = fromBase64Url(key);
  const iv = fromBase64Url(seal.iv);
  if (secret.length !== KEY_BYTES || iv.length !== IV_BYTES)
    throw new ShapeError("seal: wrong size of key or iv");
  let plain: Uint8Array;
  try {
    plain = gcm(secret, iv, boundTo(channel, cue, seal.rev)).decrypt(fromBase64Url(seal.ct));
  } catch {
    throw new ShapeError("seal: does not open with this key");
  }
  return readText(parse(plain));
}

function parse(plain: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(plain));
  } catch {
    throw new ShapeError("seal: holds no JSON");
  }
}
