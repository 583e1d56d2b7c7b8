import type { TestProject } from 'vitest/node'
import { buildCli } from '../../../rootfs-build/cli.ts'
import { buildPlugin } from '../../../rootfs-build/plugin.ts'
import { buildForTests } from '../built.ts'
import { importTestImage } from './image.ts'
import { builtCli, builtPlugin, installPlugin, linkCli } from './plugin.ts'
import { startPrivateEngine } from './private-engine.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    /** Root of the one private Engine that runs while the tests do, with the plugin enabled. */
    engineRoot: string
  }
}

/** Builds everything once, starts one private Engine with the plugin in it, and takes it away at the end. */
export default async function setUp(project: TestProject): Promise<() => Promise<void>> {
  await buildForTests()
  await buildPlugin(builtPlugin)
  await buildCli(builtCli)
  const engine = await startPrivateEngine()
  try {
    await importTestImage(engine)
    await installPlugin(engine)
    await linkCli(engine)
  } catch (error) {
    await engine.stop()
    throw error
  }
  project.provide('engineRoot', engine.root)
  return () => engine.stop()
}
