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
import { listening, Remote } from "./remote.ts";
import type { Screen, ScreenOptions } from "./screen.ts";

const WINDOW = { width: 480, height: 640 } as const;

interface Told {
  readonly exceptionDetails?: {
    readonly text: string;
    readonly exception?: { readonly description?: string };
  };
  readonly entry?: { readonly level: string; readonly source: string; readonly text: string };
}

/** A Chromium process of its own, with a profile of its own. */
export class ChromiumScreen implements Screen {
  readonly errors: string[] = [];
  readonly #child: ChildProcess;
  readonly #remote: Remote;
  #target = "";
  #session = "";
  #cover: string | undefined;

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
    if (blocked.length > 0) await this.#page("Network.setBlockedURLs", { urls: blocked });
  }

  #heard(method: string, { exceptionDetails, entry }: Told): void {
    if (method === "Runtime.exceptionThrown" && exceptionDetails !== undefined) {
      this.errors.push(exceptionDetails.exception?.description ?? exceptionDetails.text);
    }
    if (method === "Log.entryAdded" && entry?.level === "error" && entry.source !== "network") {
      this.errors.push(entry.text);
    }
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

  async close(): Promise<void> {
    this.#remote.close();
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = once(this.#child, "exit");
    this.#child.kill("SIGTERM");
    await gone;
  }
}
