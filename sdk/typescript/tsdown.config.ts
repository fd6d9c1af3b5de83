import { defineConfig } from 'tsdown'

export default defineConfig({
  entry: ['src/index.ts', 'src/codec.ts', 'src/node.ts'],
  format: ['esm', 'cjs'],
  platform: 'neutral',
  target: 'es2022',
  dts: true,
  sourcemap: true,
  clean: true,
  fixedExtension: true,
  checks: { pluginTimings: false },
})
