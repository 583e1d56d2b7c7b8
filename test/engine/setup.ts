import type { TestProject } from 'vitest/node'
import { bundleCli, projectRoot } from '../../rootfs-build/bundle.ts'
import { buildPlugin } from '../../rootfs-build/plugin.ts'
import { importTestImage } from './image.ts'
import { installPlugin } from './plugin.ts'
import { startPrivateEngine } from './private-engine.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    /** Root of the one private Engine that runs while the tests do, with the plugin enabled. */
    engineRoot: string
  }
}

/** Builds plugin and CLI once, starts one private Engine with the plugin in it, and takes it away at the end. */
export default async function setUp(project: TestProject): Promise<() => Promise<void>> {
  const outDir = `${projectRoot}build/plugin`
  await buildPlugin({ entry: 'src/daemon.ts', outDir })
  await bundleCli('src/cli/main.ts', `${projectRoot}build/docker-vault`)
  const engine = await startPrivateEngine()
  try {
    await importTestImage(engine)
    await installPlugin(engine, outDir)
  } catch (error) {
    await engine.stop()
    throw error
  }
  project.provide('engineRoot', engine.root)
  return () => engine.stop()
}
