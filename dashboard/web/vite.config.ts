import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

// `npm run dev` shows the page at http://localhost:5173/dashboard/ before a running server: SYMPHONY_URL, by default
// http://localhost:8080. SYMPHONY_API_KEY signs in, as long as the page has no session of its own.
const server = process.env.SYMPHONY_URL ?? "http://localhost:8080";
const key = process.env.SYMPHONY_API_KEY;

export default defineConfig(({ command }) => ({
  // Where the page is served is known only then: assets are found beside <base>.
  base: command === "build" ? "./" : "/dashboard/",
  plugins: [react({ jsxImportSource: "#marks" }), tailwindcss()],
  build: {
    outDir: "../dist",
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0, // the Content-Security-Policy allows no data: URLs
    modulePreload: { polyfill: false },
  },
  server: {
    proxy: {
      "/api": { target: server, changeOrigin: true, headers: key ? { "X-API-Key": key } : {} },
      "/openapi.json": { target: server, changeOrigin: true },
    },
  },
}));
