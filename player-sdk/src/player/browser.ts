/**
 * Addresses, and what a page keeps between visits.
 *
 * @module
 */
import type { TokenPort } from "../core/index.ts";

const key = (channel: string): string => `cuelight.viewer.${channel}`;

/** Keeps a viewer's identity in local storage; where that is forbidden, until the page is closed. */
export function storedTokens(): TokenPort {
  const memory = new Map<string, string>();
  const attempt = <T>(use: (storage: Storage) => T): T | undefined => {
    try {
      return use(localStorage);
    } catch {
      return undefined; // storage is blocked or full
    }
  };
  return {
    read: (channel) => attempt((s) => s.getItem(key(channel))) ?? memory.get(channel),
    write: (channel, token) => {
      if (token === undefined) {
        memory.delete(channel);
        attempt((s) => s.removeItem(key(channel)));
        return;
      }
      memory.set(channel, token);
      attempt((s) => s.setItem(key(channel), token));
    },
  };
}

/** Address of the socket of `server`, an http(s) origin. */
export function socketUrl(server: string): string {
  const url = new URL("/ws/v1", server);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  return url.href;
}

/** Address of the channel's multivariant playlist; a protected channel asks for a viewer's token. */
export const playlistUrl = (server: string, channel: string, token = ""): string => {
  const url = new URL(`/hls/${encodeURIComponent(channel)}/index.m3u8`, server);
  if (token !== "") url.searchParams.set("token", token);
  return url.href;
};

/** Calls `wake` whenever the page or the network comes back, until `signal` aborts. */
export function onWake(wake: () => void, signal: AbortSignal): void {
  const visible = (): void => {
    if (document.visibilityState === "visible") wake();
  };
  document.addEventListener("visibilitychange", visible, { signal });
  document.addEventListener("resume", wake, { signal });
  window.addEventListener("online", wake, { signal });
  window.addEventListener("pageshow", wake, { signal });
}
