import { defineConfig } from "@playwright/test";
import stories from "./playwright.config.ts";

export default defineConfig({
  ...stories, projects: undefined, testMatch: ["measure.ts", "load.ts", "pictures.ts"], reporter: "line", workers: 1,
  use: { ...stories.use, trace: "off" }, // which takes a copy of the document with each frame, and so most of the time
});
