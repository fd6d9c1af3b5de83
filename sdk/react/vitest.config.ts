import { defineConfig } from 'vitest/config'

export default defineConfig({ test: { include: ['test/**/*.test.tsx'], testTimeout: 120_000, environment: 'happy-dom' } })
