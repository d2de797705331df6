/**
 * The graphics page: the question and its result on nothing, for a video mixer
 * to lay over its picture. It watches the room; it never answers and never
 * reports, since it is no viewer's screen.
 *
 * @module
 */
import { Connection, localNow, millis } from "../src/core/index.ts";
import { CuelightOverlay } from "../src/elements/cuelight-overlay.ts";
import { onWake, socketUrl } from "../src/player/browser.ts";
import { type GraphicsOptions, graphicsOptions, Programme, scaleOf } from "./programme.ts";

/** Shows in every display frame what is due by the room clock. */
function runGraphic(graphic: CuelightOverlay, connection: Connection, programme: Programme): void {
  const show = (at: number): void => {
    graphic.view = programme.view(connection.room.getState(), connection.clock, millis(at));
  };
  const { signal } = new AbortController();
  // Without frames, in a hidden scene, the page still hears when its connection went.
  connection.room.subscribe(() => show(localNow()), { signal });
  onWake(() => connection.wake(), signal);
  const onFrame = (at: number): void => {
    show(at);
    requestAnimationFrame(onFrame);
  };
  requestAnimationFrame(onFrame);
}

/** Keeps the card within the picture, whatever its text. */
function keepScaled(graphic: HTMLElement, options: GraphicsOptions): void {
  const scale = (): void => {
    const picture = { width: innerWidth, height: innerHeight };
    const card = { width: graphic.offsetWidth, height: graphic.offsetHeight };
    graphic.style.setProperty("--scale", scaleOf(options, picture, card).toFixed(4));
  };
  new ResizeObserver(scale).observe(graphic);
  window.addEventListener("resize", scale);
  scale();
}

async function main(): Promise<void> {
  customElements.define("cuelight-overlay", CuelightOverlay);
  const graphic = document.querySelector("cuelight-overlay");
  if (graphic === null) throw new Error("graphics.html has no <cuelight-overlay>");
  const options = graphicsOptions(location);
  document.body.dataset["place"] = options.place;
  keepScaled(graphic, options);
  // Without a kept identity: an answer given by hand in the same browser must not show here.
  const connection = new Connection({ url: socketUrl(location.origin), channel: options.channel });
  runGraphic(graphic, connection, new Programme(options.delay));
  await connection.run({ signal: new AbortController().signal });
}

main().catch((cause: unknown) => reportError(cause));
