/**
 * How the player stands, in a few honest words. Pure.
 *
 * @module
 */
import type { Link, Micros, Millis, RoomState } from "../core/index.ts";
import type { PlayerView } from "../player/index.ts";

/** Green, amber, red: always beside words. */
export type Tone = "good" | "wait" | "bad";

/** One line about the player. */
export interface StatusView {
  readonly tone: Tone;
  readonly text: string;
  /** Something is under way that takes a while. */
  readonly busy: boolean;
  /** Which way messages take, in words; empty without a connection. */
  readonly via?: string;
}

/** The way in words: WebSocket or HTTP, and how messages are written. */
export function viaText(link: Link): string {
  if (link.is !== "open" || link.via === undefined) return "";
  const { transport, codec } = link.via;
  return `${transport === "socket" ? "WebSocket" : "HTTP stream"}, ${codec === "json" ? "JSON" : "MessagePack"}`;
}

/** What the status is made of. */
export interface StatusInput {
  readonly room: RoomState;
  readonly player: PlayerView;
  /** Whether there is a clock besides the picture. Default true. */
  readonly measured?: boolean;
  /** Whether the clock can be relied on, and how far. */
  readonly synced: boolean;
  readonly dispersion: Micros;
  /** This device's clock. */
  readonly now: Millis;
}

const wait = (text: string): StatusView => ({ tone: "wait", text, busy: true });

/** The most important thing to say, and the way that messages take. */
export function statusView(input: StatusInput): StatusView {
  const view = standing(input);
  const via = viaText(input.room.link);
  const slow = input.room.link.is === "open" && input.room.link.via?.transport === "stream";
  return via === "" ? view : { ...view, via, text: slow ? `${view.text} · over HTTP` : view.text };
}

function standing({ room, player, measured = true, synced, dispersion, now }: StatusInput): StatusView {
  const trouble = linkTrouble(room.link, now);
  if (trouble !== undefined) return trouble;
  if (player.phase === "failed") return { tone: "bad", text: player.message, busy: false };
  if (player.phase === "ended") return { tone: "wait", text: player.message, busy: false };
  if (player.phase === "paused") return { tone: "wait", text: player.message, busy: false };
  if (player.phase !== "playing") return wait(player.message || "Loading the broadcast…");
  if (!measured) return { tone: "good", text: "Questions open with the picture", busy: false };
  if (!synced || player.error === undefined) return wait("Getting in step…");
  return inStep(player.error, dispersion);
}

function linkTrouble(link: Link, now: Millis): StatusView | undefined {
  switch (link.is) {
    case "open":
      return undefined;
    case "idle":
      return wait("Starting…");
    case "connecting":
      return wait(link.attempt === 0 ? "Connecting…" : "Reconnecting…");
    case "waiting": {
      const left = Math.max(1, Math.ceil((link.retryAt - now) / 1000));
      return wait(`${link.reason} Back in ${left} s.`);
    }
    case "refused":
      return { tone: "bad", text: link.reason, busy: false };
    default:
      return link satisfies never;
  }
}

/** What to say across the picture when there is none, or it stands still; empty if it plays. */
export function noticeView(player: PlayerView): string {
  switch (player.phase) {
    case "playing":
    case "paused":
      return "";
    case "idle":
    case "loading":
      return player.message || "Loading the broadcast…";
    case "waiting":
    case "stalled":
    case "ended":
    case "failed":
      return player.message;
    default:
      return player.phase satisfies never;
  }
}

/** The bound on how far this screen is from the room: what is measured, and what the clock may be off. */
function inStep(error: Millis, dispersion: Micros): StatusView {
  const bound = Math.ceil(Math.abs(error) + dispersion / 1000);
  if (bound <= 150) return { tone: "good", text: `In sync ±${bound} ms`, busy: false };
  const side = error > 0 ? "behind" : "ahead";
  return wait(`${(Math.abs(error) / 1000).toFixed(1)} s ${side}, catching up`);
}
