/**
 * Players that are not ours, each on a page of its own, with the settings that
 * it comes with. What they report is kept on the page, for {@link seen}.
 */
import { readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { createRequire } from "node:module";
import type { Page } from "playwright-core";

/** A player from npm: where its script is, and how a page starts it. */
interface Kind {
  readonly script: string;
  readonly start: string;
}

const KINDS = {
  "hls.js": {
    script: "hls.js/dist/hls.min.js",
    start: `
      const hls = new Hls();
      hls.on(Hls.Events.ERROR, (_, { type, details, fatal, error }) => note(details, fatal, error?.message));
      hls.on(Hls.Events.LEVEL_SWITCHED, (_, { level }) => saw.levels.push(hls.levels[level]?.height ?? 0));
      hls.loadSource(url);
      hls.attachMedia(video);
      globalThis.player = hls;
      globalThis.dateOf = (at) => {
        const { fragments = [], fragmentHint } = hls.latestLevelDetails ?? {};
        const within = ({ start, end }) => start - 0.001 <= at && at < end - 0.001;
        const fragment = [...fragments, ...(fragmentHint ? [fragmentHint] : [])].find(within);
        return fragment?.programDateTime == null ? undefined : fragment.programDateTime + (at - fragment.start) * 1000;
      };
      globalThis.latencyNow = () => hls.latency;`,
  },
  shaka: {
    script: "shaka-player/dist/shaka-player.compiled.js",
    start: `
      shaka.polyfill.installAll();
      const player = new shaka.Player();
      player.addEventListener("error", ({ detail }) => note(\`\${detail.category}.\${detail.code}\`, detail.severity === 2, detail.message));
      globalThis.player = player;
      globalThis.latencyNow = () => player.seekRange().end - video.currentTime;
      player.attach(video).then(() => player.load(url)).catch((cause) => note(String(cause.code ?? cause), true, cause.message));`,
  },
} as const satisfies Record<string, Kind>;

export type PlayerKind = keyof typeof KINDS;

/** What a player reported since its page was opened. */
export interface Saw {
  readonly errors: readonly { readonly what: string; readonly fatal: boolean; readonly why: string }[];
  /** Times that the video waited for media, after it had begun. */
  readonly stalls: number;
  /** Heights of the qualities it switched to, in order. */
  readonly levels: readonly number[];
}

const page = ({ start }: Kind, url: string): string => `<!doctype html>
<title>player</title>
<video width="320" height="180" muted autoplay playsinline></video>
<script src="/player.js"></script>
<script>
  const url = ${JSON.stringify(url)};
  const video = document.querySelector("video");
  const saw = { errors: [], stalls: 0, levels: [] };
  globalThis.saw = saw;
  const note = (what, fatal, why = "") => saw.errors.push({ what, fatal, why });
  let begun = false;
  video.addEventListener("playing", () => { begun = true; });
  video.addEventListener("waiting", () => { if (begun && !video.seeking) saw.stalls++; });
  ${start}
</script>`;

/** Serves the page of a player that plays `url`; the page's address, and what ends it. */
export async function servePlayer(
  kind: PlayerKind,
  url: string,
): Promise<{ address: string; close: () => void }> {
  const script = readFileSync(createRequire(import.meta.url).resolve(KINDS[kind].script));
  const server: Server = createServer((request, response) => {
    const isScript = request.url === "/player.js";
    response.setHeader("Content-Type", isScript ? "text/javascript" : "text/html; charset=utf-8");
    response.end(isScript ? script : page(KINDS[kind], url));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return {
    address: `http://127.0.0.1:${address.port}/`,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

export async function seen(page: Page): Promise<Saw> {
  return page.evaluate(() => (globalThis as never as { saw: Saw }).saw);
}

/** How far behind the live edge the player itself believes to be, in s. */
export async function latency(page: Page): Promise<number> {
  return page.evaluate(() => (globalThis as never as { latencyNow: () => number }).latencyNow());
}
