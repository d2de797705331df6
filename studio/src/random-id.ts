/**
 * A fresh name for one press of a button, for the header `Idempotency-Key`.
 * `crypto.randomUUID` is only there in secure contexts; a studio opened by
 * plain HTTP over the local network has `getRandomValues` alone.
 */
export function randomId(
  source: Pick<Crypto, "getRandomValues"> & { randomUUID?: () => string } = crypto,
): string {
  if (typeof source.randomUUID === "function") return source.randomUUID();
  const bytes = source.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
