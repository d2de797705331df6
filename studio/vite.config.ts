import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";

/** Empties the output folder but for `.gitkeep`, which the Go side embeds when there is no build yet. */
const emptyDist = (): Plugin => ({
  name: "empty-dist",
  apply: "build",
  async buildStart() {
    const dist = join(import.meta.dirname, "dist");
    const entries = await readdir(dist).catch(() => []);
    const old = entries.filter((name) => name !== ".gitkeep");
    await Promise.all(old.map((name) => rm(join(dist, name), { recursive: true })));
  },
});

export default defineConfig({
  base: "/studio/",
  plugins: [emptyDist()],
  build: {
    outDir: "dist",
    emptyOutDir: false,
    // Browsers with light-dark() in CSS.
    target: ["chrome123", "edge123", "firefox120", "safari17.5"],
    // A data: URL would need a hole in the content security policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 700,
  },
  server: {
    proxy: Object.fromEntries(
      ["/api", "/hls", "/ws"].map((path) => [path, { target: "http://127.0.0.1:8080", ws: true }]),
    ),
  },
  test: { environment: "node", include: ["test/**/*.test.ts"] },
});
