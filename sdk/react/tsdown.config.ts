import { defineConfig } from 'tsdown'

export default defineConfig({
  entry: ['src/index.ts'],
  format: ['esm', 'cjs'],
  platform: 'neutral',
  target: 'es2022',
  dts: true,
  sourcemap: true,
  fixedExtension: true,
  external: [/^@symphony-messenger\/client/, 'react'],
  // Next.js takes modules with hooks for its server otherwise.
  banner: { js: '"use client";' },
  checks: { pluginTimings: false },
})
