import type { NextConfig } from "next";

const config: NextConfig = {
  turbopack: { root: import.meta.dirname }, // also where a folder above has a package-lock.json of its own
};

export default config;
