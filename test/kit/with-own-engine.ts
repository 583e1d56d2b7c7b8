import { globSync } from 'node:fs'

/** Test files that have Engines of their own, for what they do to them. All others share one. */
export const withOwnEngine: string[] = [
  ...['build', 'canary', 'install', 'plugin-life', 'readme', 'swarm'].map(
    name => `test/engine/${name}.test.ts`
  ),
  ...globSync('test/engine/faults/*.test.ts').sort()
]
