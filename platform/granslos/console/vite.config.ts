import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

// The service worker needs a name that does not change with its content: browsers compare it byte by byte at that address.
export default defineConfig({
  base: "./",
  plugins: [react()],
  worker: { format: "es" },
  build: {
    target: "es2023",
    modulePreload: { polyfill: false },
    // A strict content security policy takes no `data:` scripts or styles.
    assetsInlineLimit: 0,
    sourcemap: false,
    rollupOptions: {
      input: { main: "index.html", offline: "src/offline-worker.ts" },
      output: {
        entryFileNames: (chunk) => (chunk.name === "offline" ? "offline-worker.js" : "assets/[name]-[hash].js"),
      },
    },
  },
});
