/**
 * What the graphics page puts into the programme, where, and how large. Pure;
 * time is an argument. Rules GR… are in SPEC.md.
 *
 * @module
 */
import {
  type Micros,
  type Millis,
  micros,
  microsOf,
  millis,
  type RoomReader,
  type RoomState,
  Stage,
  type Standing,
} from "../src/core/index.ts";
import { type OverlayView, overlayView } from "../src/elements/overlay-view.ts";

const PLACES = ["bottom", "top", "left", "right"] as const;
const SCALES = { least: 0.25, most: 4 };
const LONGEST_DELAY = 60_000; // ms
/** What is known of the room is shown for this long after the connection was lost. */
const LOST_SPAN = 10_000; // ms

/** Until C a count may still sway somebody whose picture is not as late as `delay` says. */
const NO_TALLIES: RoomState["tallies"] = new Map();

/** An edge of the picture. */
export type Place = (typeof PLACES)[number];

/** What the address of the page asks for. */
export interface GraphicsOptions {
  readonly channel: string;
  /** Default bottom. */
  readonly place: Place;
  /** Of the card's usual size; from 0.25 to 4, default 1. */
  readonly scale: number;
  /**
   * How much later than this page its audience sees it, at most a minute.
   * Undefined for the channel's target latency.
   */
  readonly delay: Millis | undefined;
}

/** Reads `/graphics/{channel}?channel=&place=&scale=&delay=`. What makes no sense is as good as not there. */
export function graphicsOptions({
  pathname,
  search,
}: Pick<Location, "pathname" | "search">): GraphicsOptions {
  const query = new URLSearchParams(search);
  const last = pathname.split("/").filter(Boolean).at(-1) ?? "";
  const delay = numberIn(query.get("delay"), 0, LONGEST_DELAY);
  return {
    channel: query.get("channel") || decodeURIComponent(last),
    place: PLACES.find((place) => place === query.get("place")) ?? "bottom",
    scale: numberIn(query.get("scale"), SCALES.least, SCALES.most) ?? 1,
    delay: delay === undefined ? undefined : millis(delay),
  };
}

function numberIn(text: string | null, least: number, most: number): number | undefined {
  const n = text === null || text.trim() === "" ? Number.NaN : Number(text);
  return n >= least && n <= most ? n : undefined;
}

/** Width and height in CSS pixels. */
export interface Size {
  readonly width: number;
  readonly height: number;
}

const DESIGN: Size = { width: 1920, height: 1080 };
/** At a side the card is one narrow column, whose text is smaller by itself. */
const USUAL_SCALE: Readonly<Record<Place, number>> = { bottom: 1.6, top: 1.6, left: 2, right: 2 };
/** Share of the picture that the card may fill: outside of it pictures get cropped. */
const SAFE: Size = { width: 0.92, height: 0.9 };

/** By how much to scale a card of this size: as asked, and no larger than the picture holds. */
export function scaleOf({ place, scale }: GraphicsOptions, picture: Size, card: Size): number {
  const design = Math.min(picture.width / DESIGN.width, picture.height / DESIGN.height);
  return Math.min(
    design * USUAL_SCALE[place] * scale,
    (picture.width * SAFE.width) / Math.max(1, card.width),
    (picture.height * SAFE.height) / Math.max(1, card.height),
  );
}

/** Picks the card to show. One for each page. */
export class Programme {
  readonly #delay: Millis | undefined;
  readonly #stage = new Stage();
  #lostAt: Millis | undefined;

  /** @param delay - See {@link GraphicsOptions.delay}. */
  constructor(delay: Millis | undefined) {
    this.#delay = delay;
  }

  /**
   * The card at `now` on this device's clock; undefined for none. It opens at
   * O and counts down to the close as its audience will see it, which is
   * earlier here. Must be asked whenever the link changes.
   */
  view(state: RoomState, clock: Pick<RoomReader, "at" | "localAt">, now: Millis): OverlayView | undefined {
    const room = clock.at(now);
    if (this.#lost(state, now) || room === undefined) return undefined;
    const delay = microsOf(this.#delay ?? state.timeline?.latency_ms ?? millis(0));
    const opened = (id: string): Standing =>
      (state.cues.get(id)?.o_us ?? Number.POSITIVE_INFINITY) <= room ? "open" : "unseen";
    const staged = this.#stage.at(state, micros(room + delay), opened);
    if (staged === undefined) return undefined;
    const earlier = { localAt: (at: Micros) => clock.localAt(micros(at - delay)) };
    const closed = room >= (staged.cue.c_us ?? 0);
    return overlayView(closed ? state : { ...state, tallies: NO_TALLIES }, staged, earlier);
  }

  #lost({ link }: RoomState, now: Millis): boolean {
    if (link.is === "open") {
      this.#lostAt = undefined;
      return false;
    }
    this.#lostAt ??= now;
    return now - this.#lostAt >= LOST_SPAN;
  }
}
