import type { NextConfig } from "next";

const config: NextConfig = {
  cacheComponents: true, // as create-next-app makes it
  turbopack: { root: import.meta.dirname }, // also where a folder above has a package-lock.json of its own
};

export default config;
