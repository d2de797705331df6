/**
 * A page with hls.js as it comes, for comparison: it plays the same playlist
 * with the library's own latency control.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";

const page = `<!doctype html>
<title>stock player</title>
<video width="320" height="180" muted autoplay playsinline></video>
<script src="/hls.js"></script>
<script>
  const video = document.querySelector("video");
  const hls = new Hls({ maxLiveSyncPlaybackRate: 1.1 });
  hls.loadSource(new URLSearchParams(location.search).get("url"));
  hls.attachMedia(video);
</script>`;

/** A running server of the page. */
export interface StockServer {
  readonly port: number;
  close(): void;
}

/** Serves the page, which plays what its parameter `url` names, on every address of this machine. */
export async function serveStock(): Promise<StockServer> {
  const script = readFileSync(createRequire(import.meta.url).resolve("hls.js/dist/hls.min.js"));
  const server = createServer((request, response) => {
    const isScript = request.url === "/hls.js";
    response.setHeader("Content-Type", isScript ? "text/javascript" : "text/html; charset=utf-8");
    response.end(isScript ? script : page);
  });
  await new Promise<void>((resolve) => server.listen(0, resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return {
    port: address.port,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
