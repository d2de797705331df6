/**
 * Firefox, driven by WebDriver BiDi over a WebSocket of its own.
 *
 * @module
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { listening, Remote } from "./remote.ts";
import type { Screen, ScreenOptions } from "./screen.ts";

/** Firefox's program, unless told otherwise. */
export const FIREFOX = process.env["FIREFOX"] ?? "/usr/bin/firefox-esr";

const preferences = (origin: string): Record<string, string | number | boolean> => ({
  "media.autoplay.default": 0,
  "media.autoplay.blocking_policy": 0,
  "media.hardware-video-decoding.enabled": false,
  "dom.securecontext.allowlist": new URL(origin).hostname,
  "privacy.reduceTimerPrecision": false,
  "dom.min_background_timeout_value": 4,
  "browser.shell.checkDefaultBrowser": false,
  "browser.startup.page": 0,
  "datareporting.policy.dataSubmissionEnabled": false,
  "toolkit.telemetry.enabled": false,
  "app.update.enabled": false,
  "app.normandy.enabled": false,
  "extensions.update.enabled": false,
  "browser.safebrowsing.update.enabled": false,
  "network.captive-portal-service.enabled": false,
  "network.connectivity-service.enabled": false,
});

interface Told {
  readonly text?: string | null;
  readonly level?: string;
}

/** A Firefox process of its own, with a profile of its own. */
export class FirefoxScreen implements Screen {
  readonly errors: string[] = [];
  readonly #child: ChildProcess;
  readonly #remote: Remote;
  #context = "";
  #cover: string | undefined;

  private constructor(child: ChildProcess, url: string, { place, relay }: ScreenOptions) {
    this.#child = child;
    this.#remote = new Remote(place, relay, `${url}/session`, (method, params) =>
      this.#heard(method, params as Told),
    );
  }

  static async make(options: ScreenOptions): Promise<FirefoxScreen> {
    const { place, origin, folder } = options;
    const profile = mkdtempSync(join(folder, "firefox-"));
    const lines = Object.entries(preferences(origin)).map(
      ([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});`,
    );
    writeFileSync(join(profile, "user.js"), lines.join("\n"));
    const args = ["--headless", "--no-remote", "--profile", profile, "--remote-debugging-port", "0"];
    const child = spawn(place.wrap(FIREFOX), args, {
      stdio: ["ignore", "ignore", "pipe"],
      env: { ...process.env, HOME: folder, MOZ_HEADLESS: "1" },
    });
    const screen = new FirefoxScreen(
      child,
      await listening(child, /WebDriver BiDi listening on (ws:\S+)/),
      options,
    );
    await screen.#begin(options);
    return screen;
  }

  async #begin({ script, blocked }: ScreenOptions): Promise<void> {
    await this.#command("session.new", { capabilities: { alwaysMatch: { acceptInsecureCerts: true } } });
    await this.#command("session.subscribe", { events: ["log.entryAdded"] });
    await this.#command("script.addPreloadScript", { functionDeclaration: `() => {\n${script}\n}` });
    const { contexts } = await this.#command<{ contexts: { context: string }[] }>(
      "browsingContext.getTree",
      {},
    );
    this.#context = contexts[0]?.context ?? "";
    await this.#command("browsingContext.setViewport", {
      context: this.#context,
      viewport: { width: 480, height: 640 },
    });
    if (blocked.length > 0) throw new Error("firefox shows video: its media cannot be left out");
  }

  #heard(method: string, { text, level }: Told): void {
    if (method === "log.entryAdded" && level === "error") this.errors.push(text ?? "");
  }

  async #command<T>(method: string, params: object): Promise<T> {
    return this.#remote.command<T>(method, params);
  }

  async open(url: string): Promise<void> {
    await this.#command("browsingContext.navigate", { context: this.#context, url, wait: "interactive" });
  }

  async evaluate<T>(expression: string): Promise<T> {
    const { result, exceptionDetails } = await this.#command<{
      result?: { value?: string };
      exceptionDetails?: { text: string };
    }>("script.evaluate", {
      expression: `JSON.stringify((${expression}) ?? null)`,
      target: { context: this.#context },
      awaitPromise: true,
    });
    if (exceptionDetails !== undefined) throw new Error(`firefox: ${exceptionDetails.text}`);
    return JSON.parse(result?.value ?? "null") as T;
  }

  async hide(hidden: boolean): Promise<void> {
    if (hidden) {
      this.#cover ??= (
        await this.#command<{ context: string }>("browsingContext.create", { type: "tab" })
      ).context;
      await this.#command("browsingContext.activate", { context: this.#cover });
    } else {
      await this.#command("browsingContext.activate", { context: this.#context });
      if (this.#cover !== undefined) await this.#command("browsingContext.close", { context: this.#cover });
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
