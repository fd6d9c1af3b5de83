import { defineConfig } from "@playwright/test";
import stories from "./playwright.config.ts";

export default defineConfig({ ...stories, projects: undefined, testMatch: ["measure.ts", "load.ts", "pictures.ts"], reporter: "line", workers: 1 });
