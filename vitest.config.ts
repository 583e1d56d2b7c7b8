import { defineConfig } from 'vitest/config'
import { withOwnEngine } from './test/kit/with-own-engine.ts'

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'main',
          setupFiles: 'test/kit/noting-costs.ts',
          globalSetup: 'test/kit/setup.ts',
          include: ['test/{unit,store,copies,http,cli,daemon,rows}/**/*.test.ts'],
          // Most of them wait for processes that they started: more at once than there are CPUs.
          maxWorkers: 4,
          // A process and the modules anew for each file would take a fifth of the time; a file leaves nothing to the next.
          isolate: false,
          // They only end what hangs: a machine may be as busy as it likes.
          testTimeout: 300_000,
          hookTimeout: 300_000
        }
      },
      {
        test: {
          name: 'engine',
          include: ['test/engine/*.test.ts'],
          exclude: withOwnEngine,
          sequence: { groupOrder: 1 },
          setupFiles: 'test/kit/noting-costs.ts',
          globalSetup: 'test/kit/engine/setup.ts',
          // All of these share one Engine.
          fileParallelism: false,
          testTimeout: 600_000,
          hookTimeout: 600_000
        }
      },
      {
        test: {
          name: 'own-engine',
          include: withOwnEngine,
          sequence: { groupOrder: 1 },
          setupFiles: 'test/kit/noting-costs.ts',
          globalSetup: 'test/kit/engine/build.ts',
          fileParallelism: false,
          testTimeout: 600_000,
          hookTimeout: 600_000
        }
      }
    ]
  }
})
