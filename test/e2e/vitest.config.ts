import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "unit",
          environment: "node",
          include: ["**/*.unit.test.ts"],
          testTimeout: 30_000, // ffmpeg on a busy machine
        },
      },
      {
        test: {
          name: "e2e",
          environment: "node",
          include: ["**/*.e2e.test.ts"],
          testTimeout: 300_000,
          hookTimeout: 120_000,
          fileParallelism: false, // browsers that share a core measure each other
        },
      },
      {
        test: {
          name: "soak",
          environment: "node",
          include: ["**/*.soak.ts"],
          testTimeout: 900_000,
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      },
      {
        test: {
          name: "shots",
          environment: "node",
          include: ["**/*.shots.ts"],
          testTimeout: 300_000,
        },
      },
    ],
  },
});
