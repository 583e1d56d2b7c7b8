import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'main',
          globalSetup: 'test/kit/setup.ts',
          include: ['test/{unit,store,copies,http,cli,daemon,rows}/**/*.test.ts'],
          // Most of them wait for processes that they started: more at once than there are CPUs.
          maxWorkers: 4,
          // They only end what hangs: a machine may be as busy as it likes.
          testTimeout: 120_000,
          hookTimeout: 120_000
        }
      },
      {
        test: {
          name: 'engine',
          include: ['test/engine/*.test.ts'],
          sequence: { groupOrder: 1 },
          globalSetup: 'test/kit/engine/setup.ts',
          // All of these share one Engine.
          fileParallelism: false,
          testTimeout: 120_000,
          hookTimeout: 180_000
        }
      },
      {
        test: {
          name: 'faults',
          include: ['test/engine/faults/*.test.ts'],
          // Each has an Engine of its own, and deadlines, so nothing else runs beside these.
          sequence: { groupOrder: 2 },
          maxWorkers: 2,
          testTimeout: 300_000,
          hookTimeout: 180_000
        }
      }
    ]
  }
})
