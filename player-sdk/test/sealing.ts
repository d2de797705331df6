import { webcrypto } from "node:crypto";
import type { Seal, Text } from "../src/core/index.ts";

/** A seal and its key, both made by the crypto of the platform. A string is sealed as it is. */
export async function sealed(
  text: Text | string,
  { channel, cue, rev }: { channel: string; cue: string; rev: number },
): Promise<{ seal: Seal; key: string }> {
  const raw = webcrypto.getRandomValues(new Uint8Array(32));
  const iv = webcrypto.getRandomValues(new Uint8Array(12));
  const key = await webcrypto.subtle.importKey("raw", raw, "AES-GCM", false, ["encrypt"]);
  const additionalData = new TextEncoder().encode(`${channel}\n${cue}\n${rev}`);
  const plain = new TextEncoder().encode(typeof text === "string" ? text : JSON.stringify(text));
  const ct = await webcrypto.subtle.encrypt({ name: "AES-GCM", iv, additionalData }, key, plain);
  const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64url");
  const kid = base64(webcrypto.getRandomValues(new Uint8Array(16)));
  return { seal: { kid, iv: base64(iv), ct: base64(new Uint8Array(ct)), rev }, key: base64(raw) };
}
