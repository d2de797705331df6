/**
 * What the rig sees of a page, from outside of the player: when windows become
 * visible, which frame is on the screen, what the page believes to be the time.
 * {@link installProbe} is sent to the page as text: it may use nothing from
 * outside of itself. Instants are ms of the page's true `performance.now()`.
 *
 * @module
 */
import type { Originals } from "./clocks.ts";

/** How to watch a page. */
export interface ProbeSpec {
  /** WebSocket on which the rig's clock is read. */
  readonly truth: string;
  /**
   * The room's socket and channel, for what a page would do that opens on messages; null to leave it. Producers alone are
   * told that a window opens, hence the token.
   */
  readonly room: {
    readonly url: string;
    readonly channel: string;
    readonly subprotocol: string;
    readonly token: string;
  } | null;
  /** Width of the picture in which the frame code was painted. */
  readonly codedWidth: number;
  /** ms between two readings of the frame code. */
  readonly frameEvery: number;
  /** ms after a frame's display from which the picture may be the next one. */
  readonly stale: number;
}

/** The page's clock against the rig's: the quickest of many exchanges. */
export interface Calibration {
  readonly page: number;
  /** µs. */
  readonly host: number;
  /** Bound of the error, ms. */
  readonly bound: number;
}

/** A window that became visible. */
export interface Opened {
  readonly cue: string;
  /** The animation frame with which it did. */
  readonly frame: number;
  /** Seen by the slow look between openings: it was not expected then. */
  readonly coarse: boolean;
}

/** A frame on the screen. */
export interface Shown {
  readonly n: number;
  /** When it is displayed. */
  readonly at: number;
  /** P of the frame as the page maps it, µs on R. */
  readonly p: number | null;
}

/** What the page believes. */
export interface Belief {
  readonly at: number;
  /** R, µs. */
  readonly room: number | null;
  /** µs. */
  readonly dispersion: number | null;
  /** `Date.now()`. */
  readonly wall: number;
  readonly rate: number | null;
  readonly class: string | null;
  /** ms of media ahead. */
  readonly buffer: number | null;
  readonly hidden: boolean;
}

/** Something that happened to the video. */
export interface Happened {
  readonly at: number;
  readonly what: string;
  readonly value: number | null;
}

/** A message about a cue, or a cue in the media, as it came. */
export interface Arrived {
  readonly at: number;
  readonly cue: string;
  readonly what: string;
}

/** What was seen since the last time. */
export interface Drained {
  readonly calibrations: Calibration[];
  readonly opened: Opened[];
  readonly shown: Shown[];
  readonly beliefs: Belief[];
  readonly happened: Happened[];
  readonly arrived: Arrived[];
  /** R minus `Date.now()` in ms as one exchange on joining had it; null without. */
  readonly onePing: number | null;
}

/** The probe of a page. */
export interface Probe {
  drain(): Drained;
  /** A window will open at `at`: look at every frame around it. */
  expect(at: number): void;
}

/** Starts watching; the probe is `globalThis.rig`. Needs `rigOriginals` and `frameCode`. */
export function installProbe(spec: ProbeSpec): void {
  interface Page {
    rig?: Probe;
    rigOriginals: Originals;
    frameCode: {
      decode(picture: ImageData, scale: number, origin: { x: number; y: number }): number | undefined;
      AREA: { readonly x: number; readonly y: number; readonly width: number; readonly height: number };
    };
    cuelight?: {
      now(): number | undefined;
      readonly dispersion: number;
      frameInstant(mediaTime: number): number | undefined;
      readonly player: { session?: { player?: { view?: { class?: string; buffer?: number } } } };
    };
  }
  const page = globalThis as unknown as Page;
  if (page.rig !== undefined) return;
  const { now, requestAnimationFrame: nextFrame, requestVideoFrameCallback: nextPicture } = page.rigOriginals;
  const log: Drained = {
    calibrations: [],
    opened: [],
    shown: [],
    beliefs: [],
    happened: [],
    arrived: [],
    onePing: null,
  };
  let onePing: number | null = null;

  // The rig's clock.
  const exchanges = 50;
  const calibrate = (): void => {
    const socket = new WebSocket(spec.truth);
    let best = { page: 0, host: 0, bound: Number.POSITIVE_INFINITY };
    let sent = 0;
    let left = exchanges;
    const ask = (): void => {
      sent = now();
      socket.send("?");
    };
    socket.onopen = ask;
    socket.onmessage = ({ data }) => {
      const back = now();
      const bound = (back - sent) / 2;
      if (bound < best.bound) best = { page: (sent + back) / 2, host: Number(data), bound };
      left--;
      if (left > 0) ask();
      else {
        log.calibrations.push(best);
        socket.close();
      }
    };
  };
  calibrate();
  setInterval(calibrate, 10_000);

  // Windows.
  const inside = (root: ParentNode, selector: string): Element[] => {
    const found = [...root.querySelectorAll(selector)];
    for (const element of root.querySelectorAll("*")) {
      if (element.shadowRoot !== null) found.push(...inside(element.shadowRoot, selector));
    }
    return found;
  };
  let overlays: Element[] = [];
  const seen = new Set<string>();
  const look = (frame: number, coarse: boolean): void => {
    if (!overlays.some((element) => element.isConnected)) overlays = inside(document, "cuelight-overlay");
    for (const overlay of overlays) {
      for (const card of overlay.shadowRoot?.querySelectorAll("[data-cue]") ?? []) {
        const cue = card.getAttribute("data-cue") ?? "";
        if (cue === "" || seen.has(cue)) continue;
        if (!card.checkVisibility({ opacityProperty: true, visibilityProperty: true })) continue;
        seen.add(cue);
        log.opened.push({ cue, frame, coarse });
      }
    }
  };
  // After a frame's callbacks and its painting comes this task: what is visible now is visible with that frame.
  const afterFrame = new MessageChannel();
  let frameAt = 0;
  afterFrame.port1.onmessage = () => look(frameAt, false);
  let watchUntil = 0;
  let watching = false;
  const watch = (at: number): void => {
    frameAt = at;
    afterFrame.port2.postMessage(null);
    watching = at < watchUntil;
    if (watching) nextFrame(watch);
  };
  const expect = (at: number): void => {
    watchUntil = Math.max(watchUntil, at + 1500);
    setTimeout(
      () => {
        if (watching) return;
        watching = true;
        nextFrame(watch);
      },
      Math.max(0, at - 400 - now()),
    );
  };
  setInterval(() => {
    if (!watching) look(now(), true);
  }, 100);

  // Pictures.
  const { decode, AREA } = page.frameCode;
  const canvas = document.createElement("canvas");
  canvas.width = AREA.width;
  canvas.height = AREA.height;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  let video: HTMLVideoElement | undefined;
  let waiting = false;
  const read = (_: number, frame: VideoFrameCallbackMetadata): void => {
    waiting = false;
    if (video === undefined || context === null) return;
    // Called late, it would find a later picture than the one that it is told of.
    if (now() - frame.expectedDisplayTime > spec.stale) {
      log.happened.push({ at: now(), what: "stale", value: null });
      return;
    }
    const k = video.videoWidth / spec.codedWidth;
    context.drawImage(
      video,
      AREA.x * k,
      AREA.y * k,
      AREA.width * k,
      AREA.height * k,
      0,
      0,
      AREA.width,
      AREA.height,
    );
    const n = decode(context.getImageData(0, 0, AREA.width, AREA.height), 1, { x: 0, y: 0 });
    const p = page.cuelight?.frameInstant(frame.mediaTime);
    if (n !== undefined) log.shown.push({ n, at: frame.expectedDisplayTime, p: p ?? null });
  };
  const adopt = (element: HTMLVideoElement): void => {
    video = element;
    for (const what of ["seeking", "waiting", "ratechange", "playing"]) {
      const note = (): void => {
        log.happened.push({ at: now(), what, value: what === "ratechange" ? element.playbackRate : null });
      };
      element.addEventListener(what, note);
    }
    for (const track of element.textTracks) follow(track);
    element.textTracks.addEventListener("addtrack", ({ track }) => track !== null && follow(track));
  };
  // A cue in the media, as a player that knows nothing of the room's clock fires it.
  const follow = (track: TextTrack): void => {
    if (track.kind !== "metadata") return;
    track.mode = "hidden";
    track.addEventListener("cuechange", () => {
      for (const cue of track.activeCues ?? []) {
        log.arrived.push({ at: now(), cue: cue.id, what: "daterange" });
      }
    });
  };
  setInterval(() => {
    if (video?.isConnected !== true) {
      const found = inside(document, "video")[0];
      if (found instanceof HTMLVideoElement) adopt(found);
    }
    if (video === undefined || waiting || video.readyState < 2 || nextPicture === undefined) return;
    waiting = true;
    nextPicture(video, read);
  }, spec.frameEvery);

  // Beliefs.
  setInterval(() => {
    const before = now();
    const room = page.cuelight?.now() ?? null;
    const wall = Date.now();
    const at = (before + now()) / 2;
    const dispersion = page.cuelight?.dispersion ?? null;
    const view = page.cuelight?.player?.session?.player?.view;
    log.beliefs.push({
      at,
      room,
      dispersion: dispersion === Number.POSITIVE_INFINITY ? null : dispersion,
      wall,
      rate: video?.playbackRate ?? null,
      class: view?.class ?? null,
      buffer: view?.buffer ?? null,
      hidden: document.visibilityState === "hidden",
    });
  }, 500);

  // What a page would do that opens when it is told to.
  const join = (room: NonNullable<ProbeSpec["room"]>): void => {
    const socket = new WebSocket(room.url, room.subprotocol);
    socket.binaryType = "arraybuffer";
    let sent = 0;
    const take = (data: unknown): void => {
      const at = now();
      if (data instanceof ArrayBuffer) {
        const pong = new DataView(data);
        const server = (Number(pong.getBigInt64(11)) + Number(pong.getBigInt64(19))) / 2000;
        onePing = server - (sent + Date.now()) / 2;
        return;
      }
      const message = JSON.parse(String(data));
      if (message.t === "welcome" && onePing === null) {
        const ping = new DataView(new ArrayBuffer(11));
        ping.setUint8(0, 1);
        sent = Date.now();
        ping.setFloat64(3, sent);
        socket.send(ping.buffer);
      }
      if (message.t === "cue") {
        const cue = message.cue ?? message;
        log.arrived.push({ at, cue: cue.id, what: cue.state });
      }
    };
    socket.onopen = () =>
      socket.send(
        JSON.stringify({ t: "hello", v: 1, channel: room.channel, role: "producer", token: room.token }),
      );
    socket.onmessage = ({ data }) => take(data);
    socket.onclose = () => setTimeout(() => join(room), 2000);
  };
  // The server takes a page's socket only from its own pages.
  if (spec.room !== null && location.host === new URL(spec.room.url).host) join(spec.room);

  page.rig = {
    expect,
    drain: () => {
      const copy = { ...log, onePing };
      const lists = log as unknown as Record<string, unknown>;
      for (const key of Object.keys(lists)) if (Array.isArray(lists[key])) lists[key] = [];
      return copy;
    },
  };
}
