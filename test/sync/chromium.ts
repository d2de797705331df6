/**
 * Chromium, driven by its own protocol: nothing keeps a hidden page awake, as
 * test drivers do.
 *
 * @module
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync } from "node:fs";
import { join } from "node:path";
import { CHROMIUM, FLAGS } from "../e2e/browser.ts";
import { hostMicros } from "../e2e/source.ts";
import type { Camera, Shot } from "./audit.ts";
import { listening, Remote } from "./remote.ts";
import type { Screen, ScreenOptions } from "./screen.ts";

const WINDOW = { width: 480, height: 640 } as const;

interface Told {
  readonly exceptionDetails?: {
    readonly text: string;
    readonly exception?: { readonly description?: string };
  };
  readonly entry?: { readonly level: string; readonly source: string; readonly text: string };
  /** Of a photograph: PNG in base64, when it was displayed in s since 1970, and the number by which it is acknowledged. */
  readonly data?: string;
  readonly metadata?: { readonly timestamp?: number };
  readonly sessionId?: number;
}

/** Host µs at a wall-clock time of this machine in s since 1970. */
const hostAt = (wall: number): number =>
  hostMicros() + wall * 1e6 - (performance.timeOrigin + performance.now()) * 1000;

/** A Chromium process of its own, with a profile of its own. */
export class ChromiumScreen implements Screen, Camera {
  readonly errors: string[] = [];
  readonly #child: ChildProcess;
  readonly #remote: Remote;
  #target = "";
  #session = "";
  #cover: string | undefined;
  #take: ((shot: Shot) => void) | undefined;

  private constructor(child: ChildProcess, url: string, { place, relay }: ScreenOptions) {
    this.#child = child;
    this.#remote = new Remote(place, relay, url, (method, params) => this.#heard(method, params as Told));
  }

  static async make(options: ScreenOptions): Promise<ChromiumScreen> {
    const { place, origin, folder } = options;
    const profile = mkdtempSync(join(folder, "chromium-"));
    const args = [
      "--headless=new",
      "--remote-debugging-port=0",
      `--user-data-dir=${profile}`,
      `--window-size=${WINDOW.width},${WINDOW.height}`,
      `--unsafely-treat-insecure-origin-as-secure=${origin}`,
      ...FLAGS,
      "about:blank",
    ];
    const child = spawn(place.wrap(CHROMIUM), args, { stdio: ["ignore", "ignore", "pipe"] });
    const screen = new ChromiumScreen(
      child,
      await listening(child, /DevTools listening on (ws:\S+)/),
      options,
    );
    await screen.#begin(options);
    return screen;
  }

  async #begin({ script, blocked }: ScreenOptions): Promise<void> {
    const { targetInfos } = await this.#remote.command<{ targetInfos: { targetId: string; type: string }[] }>(
      "Target.getTargets",
    );
    this.#target = targetInfos.find(({ type }) => type === "page")?.targetId ?? "";
    const { sessionId } = await this.#remote.command<{ sessionId: string }>("Target.attachToTarget", {
      targetId: this.#target,
      flatten: true,
    });
    this.#session = sessionId;
    for (const domain of ["Page", "Runtime", "Log", "Network"]) await this.#page(`${domain}.enable`);
    await this.#page("Page.addScriptToEvaluateOnNewDocument", { source: script });
    if (blocked.length === 0) return;
    await this.#page("Network.setBlockedURLs", { urls: blocked });
    // A page that waits for its media draws a turning wheel all the time, which costs as much as a video.
    await this.#page("Emulation.setEmulatedMedia", {
      features: [{ name: "prefers-reduced-motion", value: "reduce" }],
    });
  }

  #heard(method: string, told: Told): void {
    const { exceptionDetails, entry } = told;
    if (method === "Runtime.exceptionThrown" && exceptionDetails !== undefined) {
      this.errors.push(exceptionDetails.exception?.description ?? exceptionDetails.text);
    }
    if (method === "Log.entryAdded" && entry?.level === "error" && entry.source !== "network") {
      this.errors.push(entry.text);
    }
    if (method === "Page.screencastFrame") this.#photographed(told);
  }

  #photographed({ data = "", metadata, sessionId }: Told): void {
    // Without the acknowledgement there is no next one.
    this.#page("Page.screencastFrameAck", { sessionId }).catch(() => undefined);
    if (metadata?.timestamp !== undefined)
      this.#take?.({ at: hostAt(metadata.timestamp), png: Buffer.from(data, "base64") });
  }

  async #page<T>(method: string, params: object = {}): Promise<T> {
    return this.#remote.command<T>(method, params, { sessionId: this.#session });
  }

  async open(url: string): Promise<void> {
    const { errorText } = await this.#page<{ errorText?: string }>("Page.navigate", { url });
    if (errorText !== undefined) throw new Error(`${url}: ${errorText}`);
  }

  async evaluate<T>(expression: string): Promise<T> {
    const { result, exceptionDetails } = await this.#page<Told & { result: { value?: T } }>(
      "Runtime.evaluate",
      {
        expression: `(${expression}) ?? null`,
        returnByValue: true,
        awaitPromise: true,
      },
    );
    if (exceptionDetails !== undefined) throw new Error(exceptionDetails.text);
    return result.value as T;
  }

  /** Another tab of the same window comes to the front. */
  async hide(hidden: boolean): Promise<void> {
    if (hidden) {
      this.#cover ??= (
        await this.#remote.command<{ targetId: string }>("Target.createTarget", { url: "about:blank" })
      ).targetId;
      await this.#remote.command("Target.activateTarget", { targetId: this.#cover });
    } else {
      await this.#remote.command("Target.activateTarget", { targetId: this.#target });
      if (this.#cover !== undefined)
        await this.#remote.command("Target.closeTarget", { targetId: this.#cover });
      this.#cover = undefined;
    }
  }

  async film(take: (shot: Shot) => void): Promise<void> {
    this.#take = take;
    await this.#page("Page.startScreencast", { format: "png", everyNthFrame: 1 });
  }

  async stop(): Promise<void> {
    await this.#page("Page.stopScreencast");
    this.#take = undefined;
  }

  async close(): Promise<void> {
    this.#remote.close();
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = once(this.#child, "exit");
    this.#child.kill("SIGTERM");
    await gone;
  }
}
