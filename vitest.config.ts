import { defineConfig } from "vitest/config";

// Model tests own both cores through ONNX Runtime's thread pool: one file at a time keeps timings and memory steady.
export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    fileParallelism: false,
    pool: "forks",
  },
});
