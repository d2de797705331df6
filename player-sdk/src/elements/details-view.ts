/**
 * The figures behind the status. Pure.
 *
 * @module
 */
import type { Grade, Micros, RoomState } from "../core/index.ts";
import type { PlayerView } from "../player/index.ts";
import { viaText } from "./status-view.ts";

/** A figure and its name. */
export type Detail = readonly [name: string, value: string];

/** What the details are made of. */
export interface DetailsInput {
  readonly room: RoomState;
  readonly player: PlayerView;
  readonly dispersion: Micros;
  readonly rtt: Micros | undefined;
  /** The room clock minus this device's wall clock. */
  readonly wallError: Micros | undefined;
  /** Where the clock is measured. */
  readonly thread: string;
}

const ms = (n: number | undefined, digits = 1): string => {
  if (n === undefined || !Number.isFinite(n)) return "–";
  return `${n.toFixed(digits)} ms`;
};

const signed = (n: number | undefined): string =>
  n === undefined ? "–" : `${n > 0 ? "+" : ""}${n.toFixed(1)} ms`;

/** The figures, most telling first. */
export function detailsView({ room, player, dispersion, rtt, wallError, thread }: DetailsInput): Detail[] {
  const latency = player.error === undefined ? undefined : player.target + player.error;
  return [
    ["Frame error", signed(player.error)],
    ["Latency", `${ms(latency, 0)} of ${ms(player.target, 0)}`],
    ["Playback rate", player.control === "rate" ? player.rate.toFixed(4) : "held by seeks"],
    ["Buffer ahead", ms(player.buffer, 0)],
    ["Class", player.class],
    ["Clock error at most", ms(dispersion / 1000)],
    ["Round trip", ms(rtt === undefined ? undefined : rtt / 1000)],
    ["Room minus this device's clock", signed(wallError === undefined ? undefined : wallError / 1000)],
    ["Connection", viaText(room.link) || "–"],
    ["Clock thread", thread],
    ["Timeline", timelineText(room)],
    ["Participant", room.participant ?? "–"],
    ["Known by", room.grade === undefined ? "–" : knownBy[room.grade]],
  ];
}

const knownBy: Readonly<Record<Grade, string>> = {
  device: "this device",
  pin: "a PIN",
  link: "a one-time link",
  account: "an account",
};

function timelineText({ timeline }: RoomState): string {
  if (timeline === undefined) return "–";
  return `${timeline.state}, epoch ${timeline.epoch}, ${timeline.live ? "on air" : "off air"}`;
}
