/**
 * Who watches: the network and the wrong clock of each player.
 *
 * @module
 */

/** One direction of a network: ms, shares of 1, kbit/s. What is left out is absent. */
export interface Way {
  readonly delay: number;
  /** Most of the difference from `delay`, either way. */
  readonly jitter?: number;
  /** Share of packets that take up to `spikeMax` longer. */
  readonly spike?: number;
  readonly spikeMax?: number;
  /** Share of packets that are sent again, which takes `recovery`. */
  readonly loss?: number;
  readonly recovery?: number;
  readonly rate?: number;
  /** Longest wait behind other traffic; it swells and ebbs every `bloatPeriod`. */
  readonly bloat?: number;
  readonly bloatPeriod?: number;
}

/** A network between a player and the server. */
export interface Network {
  readonly name: string;
  readonly up: Way;
  readonly down: Way;
  /** Whether both directions take the same time, so that a clock can be read over it without bias. */
  readonly symmetric: boolean;
}

const both = (name: string, way: Way): Network => ({ name, up: way, down: way, symmetric: true });

const LAN = both("LAN", { delay: 1 });
const FIBRE = both("fibre", { delay: 20, jitter: 2 });
const CABLE = both("cable", { delay: 12, jitter: 4 });
const WIFI = both("Wi-Fi", {
  delay: 30,
  jitter: 10,
  spike: 0.02,
  spikeMax: 80,
  loss: 0.01,
  recovery: 65,
});
const LTE = both("LTE", { delay: 40, jitter: 15, rate: 12_000 });
const ASYMMETRIC: Network = {
  name: "LTE, asymmetric",
  up: { delay: 60, jitter: 5, rate: 5_000 },
  down: { delay: 20, jitter: 15, rate: 12_000 },
  symmetric: false,
};
const BLOAT = both("bufferbloat", { delay: 20, jitter: 5, rate: 3_000, bloat: 150, bloatPeriod: 20_000 });
const SATELLITE = both("satellite", { delay: 300, jitter: 10, rate: 10_000 });

/** Every network by the name that the command line knows it by. */
export const NETWORKS = {
  lan: LAN,
  fibre: FIBRE,
  cable: CABLE,
  wifi: WIFI,
  lte: LTE,
  asymmetric: ASYMMETRIC,
  bloat: BLOAT,
  satellite: SATELLITE,
} as const satisfies Record<string, Network>;

export type NetworkName = keyof typeof NETWORKS;

/** In which order networks are given to players. */
export const NETWORK_ORDER: readonly NetworkName[] = [
  "lan",
  "fibre",
  "asymmetric",
  "wifi",
  "lte",
  "cable",
  "bloat",
  "satellite",
];

/** How the clocks of a device are wrong. */
export interface Clocks {
  /** Wall clock minus the true one, ms. */
  readonly wall: number;
  readonly ppm: number;
}

const HOUR = 3_600_000;

/** The wrong clocks, given to players in this order. */
export const CLOCKS: readonly Clocks[] = [
  { wall: 0, ppm: 0 },
  { wall: -2 * HOUR, ppm: 60 },
  { wall: 350, ppm: -60 },
  { wall: -700, ppm: 120 },
  { wall: 90_000, ppm: -120 },
  { wall: 350, ppm: 200 },
  { wall: -700, ppm: -200 },
  { wall: 20, ppm: 30 },
];

/** One player of a run. */
export interface PlayerPlan {
  /** p1, p2, … */
  readonly id: string;
  readonly network: Network;
  readonly clocks: Clocks;
  readonly browser: "chromium" | "firefox";
  /** Whether it shows the video; otherwise the same page without its media. */
  readonly video: boolean;
  /** ms after the run's beginning at which it comes. */
  readonly comesAt: number;
}
