/**
 * Every clock of a run on one axis: µs of this machine's monotonic clock
 * ("host").
 *
 * @module
 */
import type { Calibration } from "./page/probe.ts";
import type { RoomReading } from "./relay.ts";

/** A straight line between known points, and on beyond them at the nominal rate. */
class Line {
  readonly #points: readonly (readonly [x: number, y: number])[];
  readonly #nominal: number;

  constructor(points: readonly (readonly [number, number])[], nominal: number) {
    if (points.length === 0) throw new Error("there is no point to draw a line through");
    this.#points = [...points].sort((a, b) => a[0] - b[0]);
    this.#nominal = nominal;
  }

  at(x: number): number {
    const after = this.#points.findIndex(([px]) => px >= x);
    const b = this.#points[after];
    const a = this.#points[after - 1];
    if (a !== undefined && b !== undefined) return a[1] + ((x - a[0]) * (b[1] - a[1])) / (b[0] - a[0]);
    const [px, py] = b ?? this.#points.at(-1) ?? [0, 0];
    return py + (x - px) * this.#nominal;
  }
}

/** A page's clock. */
export class PageClock {
  readonly #line: Line;
  /** The worst bound of a calibration, ms. */
  readonly bound: number;

  constructor(calibrations: readonly Calibration[]) {
    this.#line = new Line(
      calibrations.map(({ page, host }) => [page, host]),
      1000,
    );
    this.bound = Math.max(...calibrations.map(({ bound }) => bound));
  }

  /** Host µs when the page's true `performance.now()` was `ms`. */
  hostAt(ms: number): number {
    return this.#line.at(ms);
  }
}

/** The server's room clock. */
export class TrueRoom {
  readonly #toRoom: Line;
  readonly #toHost: Line;
  /** The worst bound of a reading, ms. */
  readonly bound: number;

  constructor(readings: readonly RoomReading[]) {
    this.#toRoom = new Line(
      readings.map(({ host, room }) => [host, room]),
      1,
    );
    this.#toHost = new Line(
      readings.map(({ host, room }) => [room, host]),
      1,
    );
    this.bound = Math.max(...readings.map(({ rtt }) => rtt / 2000));
  }

  /** R, µs. */
  at(host: number): number {
    return this.#toRoom.at(host);
  }

  hostAt(room: number): number {
    return this.#toHost.at(room);
  }
}
