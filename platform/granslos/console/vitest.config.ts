import { defineConfig } from "vitest/config";

// Apart from vite.config.ts: a build installs no test tools.
export default defineConfig({
  test: { include: ["src/**/*.test.ts"], environment: "node" },
});
