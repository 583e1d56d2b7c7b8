import type { TestProject } from 'vitest/node'
import { buildForEngines } from '../built.ts'
import { importTestImage } from './image.ts'
import { builtPlugin, installPlugin, linkCli } from './plugin.ts'
import { startPrivateEngine } from './private-engine.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    /** Root of the one private Engine that runs while the tests do, with the plugin enabled. */
    engineRoot: string
  }
}

/** Starts one private Engine with the plugin in it, and takes it away at the end. */
export default async function setUp(project: TestProject): Promise<() => Promise<void>> {
  await buildForEngines()
  const engine = await startPrivateEngine()
  try {
    await importTestImage(engine)
    // Whole, as users have it.
    await installPlugin(engine, [], builtPlugin)
    await linkCli(engine)
  } catch (error) {
    await engine.stop()
    throw error
  }
  project.provide('engineRoot', engine.root)
  return () => engine.stop()
}
