import { defineConfig } from 'tsdown'

const common = { target: 'es2022', sourcemap: true, fixedExtension: true, checks: { pluginTimings: false } } as const

export default defineConfig([
  {
    ...common,
    entry: ['index', 'codec', 'express', 'follow', 'next', 'node', 'testing'].map((name) => `src/${name}.ts`),
    format: ['esm', 'cjs'],
    platform: 'neutral',
    dts: true,
    clean: true,
  },
  { ...common, entry: { cli: 'src/bin.ts' }, format: 'esm', platform: 'node', dts: false, clean: false },
])
