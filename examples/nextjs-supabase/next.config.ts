import type { NextConfig } from "next";

const config: NextConfig = {
  cacheComponents: true, // this and the next as create-next-app has them
  partialPrefetching: true,
  turbopack: { root: import.meta.dirname }, // also where a folder above has a package-lock.json of its own
};

export default config;
