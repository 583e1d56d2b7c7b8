import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { tryCommand } from './command.ts'
import type { Engine } from './engine.ts'

/** The docker clients on the PATH: the Engine's own, and any that was installed beside it. */
export const clients = (process.env['PATH'] ?? '')
  .split(':')
  .map(directory => join(directory, 'docker'))
  .filter(existsSync)

/** Those of them that have BuildKit, in themselves (before 23) or by buildx. */
export async function clientsWithBuildKit(engine: Engine): Promise<string[]> {
  const able: string[] = []
  for (const client of clients) {
    const version = (await tryCommand(client, ['--version'], { env: engine.env })).stdout
    const buildx = await tryCommand(client, ['buildx', 'version'], { env: engine.env })
    if (buildx.code === 0 || Number(/version (\d+)\./.exec(version)?.[1]) < 23) able.push(client)
  }
  return able
}
