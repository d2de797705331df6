/**
 * A device's wrong clock, for a page and its workers. {@link patchClocks} is
 * sent to the page as text: it may use nothing from outside of itself.
 *
 * @module
 */

/** How a device's clocks are wrong. */
export interface ClockSpec {
  /** Wall clock minus the true one, in ms. */
  readonly wall: number;
  /** By how much both clocks run fast, in parts per million. */
  readonly ppm: number;
  /** A true instant, ms since 1970, at which the drift of the wall clock was 0. */
  readonly origin: number;
  /** True instant, ms since 1970, at which the wall clock is set by `stepBy` ms; null for never. */
  readonly stepAt: number | null;
  readonly stepBy: number;
}

/** What the rig keeps of a page before its clocks are bent. */
export interface Originals {
  /** The true `performance.now()`. */
  now(): number;
  requestAnimationFrame(callback: (at: number) => void): number;
  requestVideoFrameCallback(
    video: HTMLVideoElement,
    callback: (now: number, frame: VideoFrameCallbackMetadata) => void,
  ): number;
}

/**
 * Bends every clock that a script can read, consistently: `Date`,
 * `performance.now()` and `timeOrigin`, and what counts on the latter's axis:
 * animation and video frames, events, animations. Workers are bent before their
 * first line runs. Originals stay in `globalThis.rigOriginals` of the page.
 */
export function patchClocks(spec: ClockSpec): void {
  // biome-ignore lint/suspicious/noExplicitAny: globals of pages and workers alike
  const scope = globalThis as any;
  if (scope.rigOriginals !== undefined) return;
  const rate = 1 + spec.ppm / 1e6;
  const warp = (t: number): number => t * rate;
  const unwarp = (t: number): number => t / rate;

  const trueNow = performance.now.bind(performance);
  const TrueDate = Date;
  const trueWall = Date.now.bind(Date);
  const wall = (): number => {
    const at = trueWall();
    const step = spec.stepAt !== null && at >= spec.stepAt ? spec.stepBy : 0;
    return Math.floor(spec.origin + (at - spec.origin) * rate + spec.wall + step);
  };

  scope.rigOriginals = { now: trueNow };
  scope.performance.now = () => warp(trueNow());
  const origin = performance.timeOrigin;
  const bentOrigin = spec.origin + (origin - spec.origin) * rate + spec.wall;
  Object.defineProperty(scope.performance, "timeOrigin", { get: () => bentOrigin });
  scope.Date = new Proxy(TrueDate, {
    apply: () => new TrueDate(wall()).toString(),
    construct: (target, args: [], self) =>
      Reflect.construct(target, args.length === 0 ? [wall()] : args, self),
    get: (target, key) => (key === "now" ? wall : Reflect.get(target, key)),
  });

  const bendGetter = (prototype: object | undefined, key: string): void => {
    const property = prototype && Object.getOwnPropertyDescriptor(prototype, key);
    const read = property?.get;
    if (prototype === undefined || property === undefined || read === undefined) return;
    Object.defineProperty(prototype, key, {
      ...property,
      get() {
        const at = read.call(this);
        return typeof at === "number" ? warp(at) : at;
      },
      ...(property.set === undefined
        ? {}
        : {
            set(at: unknown) {
              property.set?.call(this, typeof at === "number" ? unwarp(at) : at);
            },
          }),
    });
  };
  bendGetter(scope.Event?.prototype, "timeStamp");
  bendGetter(scope.AnimationTimeline?.prototype, "currentTime");
  bendGetter(scope.Animation?.prototype, "startTime");

  const trueFrame = scope.requestAnimationFrame?.bind(scope);
  if (trueFrame !== undefined) {
    scope.rigOriginals.requestAnimationFrame = trueFrame;
    scope.requestAnimationFrame = (callback: (at: number) => void) =>
      trueFrame((at: number) => callback(warp(at)));
  }

  const video = scope.HTMLVideoElement?.prototype;
  if (video?.requestVideoFrameCallback !== undefined) {
    const trueVideoFrame = video.requestVideoFrameCallback;
    scope.rigOriginals.requestVideoFrameCallback = (element: unknown, callback: unknown) =>
      trueVideoFrame.call(element, callback);
    video.requestVideoFrameCallback = function (callback: VideoFrameRequestCallback) {
      return trueVideoFrame.call(this, (now: number, frame: VideoFrameCallbackMetadata) => {
        const bent = { ...frame };
        for (const key of [
          "presentationTime",
          "expectedDisplayTime",
          "captureTime",
          "receiveTime",
        ] as const) {
          const at = bent[key];
          if (typeof at === "number") bent[key] = warp(at);
        }
        callback(warp(now), bent);
      });
    };
  }

  if (scope.Worker === undefined || scope.document === undefined) return;
  const blobs = new Map<string, Blob>();
  const makeUrl = URL.createObjectURL.bind(URL);
  URL.createObjectURL = (object: Blob | MediaSource) => {
    const url = makeUrl(object);
    if (object instanceof Blob) blobs.set(url, object);
    return url;
  };
  const sourceOf = (url: string): Blob | string => {
    const kept = blobs.get(url);
    if (kept !== undefined) return kept;
    const request = new XMLHttpRequest();
    request.open("GET", url, false); // before the worker's first line there is no time to wait
    request.send();
    return request.responseText;
  };
  const TrueWorker = scope.Worker as typeof Worker;
  scope.Worker = class extends TrueWorker {
    constructor(url: string | URL, options?: WorkerOptions) {
      const bend = `(${patchClocks.toString()})(${JSON.stringify(spec)});\n`;
      super(makeUrl(new Blob([bend, sourceOf(String(url))], { type: "text/javascript" })), options);
    }
  };
}
