/**
 * Addresses, and what a page keeps between visits.
 *
 * @module
 */
import {
  type AnswerMessage,
  type AnswerPort,
  decodeClient,
  encodeClient,
  type TokenPort,
  type Wake,
} from "../core/index.ts";

const key = (channel: string): string => `cuelight.viewer.${channel}`;
const answersKey = (channel: string): string => `cuelight.answers.${channel}`;
const MAX_ANSWERS = 8; // that are kept over a reload

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

/** Keeps answers on their way over a reload of this tab, as far as the browser lets it. */
export function storedAnswers(): AnswerPort {
  return {
    read: (channel) => {
      try {
        const lines = sessionStorage.getItem(answersKey(channel))?.split("\n") ?? [];
        return lines.slice(-MAX_ANSWERS).map(decodeClient).filter(isAnswer);
      } catch {
        return []; // storage is blocked, or holds what is not ours
      }
    },
    write: (channel, answers) => {
      try {
        if (answers.length === 0) sessionStorage.removeItem(answersKey(channel));
        else
          sessionStorage.setItem(
            answersKey(channel),
            answers.slice(-MAX_ANSWERS).map(encodeClient).join("\n"),
          );
      } catch {
        // Storage is blocked or full: a reload forgets them.
      }
    },
  };
}

const isAnswer = (message: { readonly t: string }): message is AnswerMessage => message.t === "answer";

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

/** What browsers tell of the network, where they do. Some tell of every new estimate of its speed, too. */
interface NetworkInformation extends EventTarget {
  /** Such as "wifi"; missing on most desktops. */
  readonly type?: string;
  /** Such as "4g". */
  readonly effectiveType?: string;
}

/** Calls `wake` whenever the page comes back, or the network does or changes, until `signal` aborts. */
export function onWake(wake: (why: Wake) => void, signal: AbortSignal): void {
  const visible = (): void => {
    if (document.visibilityState === "visible") wake("page");
  };
  const page = (): void => wake("page");
  const network = (): void => wake("network");
  document.addEventListener("visibilitychange", visible, { signal });
  document.addEventListener("resume", page, { signal });
  window.addEventListener("pageshow", page, { signal });
  window.addEventListener("online", network, { signal });
  window.addEventListener("offline", network, { signal });
  const { connection } = navigator as Navigator & { readonly connection?: NetworkInformation };
  let before = { type: connection?.type, speed: connection?.effectiveType };
  const changed = (): void => {
    const after = { type: connection?.type, speed: connection?.effectiveType };
    if (after.type !== before.type) wake("network");
    else if (after.speed !== before.speed) wake("page");
    before = after;
  };
  connection?.addEventListener("change", changed, { signal });
}

/** Calls `leave` when the page is hidden, after which it may never run again, and when it goes, until `signal` aborts. */
export function onLeave(leave: (how: "hidden" | "closed") => void, signal: AbortSignal): void {
  const hidden = (): void => {
    if (document.visibilityState === "hidden") leave("hidden");
  };
  document.addEventListener("visibilitychange", hidden, { signal });
  window.addEventListener("pagehide", () => leave("closed"), { signal });
}
