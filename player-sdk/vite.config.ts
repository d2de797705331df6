import { readdirSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { defineConfig, type Plugin } from "vite";

const dist = fileURLToPath(new URL("dist/", import.meta.url));
const page = (name: string): string => fileURLToPath(new URL(`pages/${name}.html`, import.meta.url));

/** Empties dist but for .gitkeep, without which Go has nothing to embed before the first build. */
const clean: Plugin = {
  name: "clean-dist",
  apply: "build",
  buildStart() {
    for (const name of readdirSync(dist)) {
      if (name !== ".gitkeep") rmSync(`${dist}${name}`, { recursive: true });
    }
  },
};

export default defineConfig({
  root: fileURLToPath(new URL("pages/", import.meta.url)),
  base: "/player/",
  plugins: [clean],
  build: {
    outDir: dist,
    emptyOutDir: false,
    target: "es2022",
    assetsInlineLimit: 0, // a strict content security policy forbids data: URLs
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 900, // hls.js
    rolldownOptions: { input: [page("watch"), page("graphics")] },
  },
});
