import { defineConfig } from 'vitest/config'

/** Tests that have Engines of their own, for what they do to them. All others share one. */
const withOwnEngine = ['build', 'canary', 'install', 'plugin-life', 'readme', 'swarm'].map(
  name => `test/engine/${name}.test.ts`
)

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
      },
      {
        test: {
          name: 'faults',
          include: ['test/engine/faults/*.test.ts'],
          setupFiles: 'test/kit/noting-costs.ts',
          globalSetup: 'test/kit/engine/build.ts',
          // Each has an Engine of its own, and deadlines, so nothing else runs beside these.
          sequence: { groupOrder: 2 },
          maxWorkers: 2,
          testTimeout: 600_000,
          hookTimeout: 600_000
        }
      }
    ]
  }
})
