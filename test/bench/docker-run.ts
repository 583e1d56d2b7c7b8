import type { Engine } from '../kit/engine/engine.ts'
import { importTestImage, testImage } from '../kit/engine/image.ts'
import { pluginProcess } from '../kit/engine/processes.ts'
import { builtPlugin, installPlugin, linkCli } from '../kit/engine/plugin.ts'
import { startPrivateEngine } from '../kit/engine/private-engine.ts'
import { memoryOf } from './daemon.ts'
import type { Figure } from './figures.ts'
import { compare, type Way } from './sampling.ts'
import { fiveFiles } from './vault.ts'

const turns = { rounds: 60 }

/**
 * Whole `docker run`s in a private Engine: with a five-file box, and with tmpfs file systems of the Engine's own,
 * which are empty.
 */
export async function measureDockerRun(): Promise<Figure[]> {
  const engine = await startPrivateEngine()
  try {
    await importTestImage(engine)
    await installPlugin(engine, [], builtPlugin)
    await linkCli(engine)
    await engine.docker(['vault', 'create', 'box'])
    for (const [path, size] of fiveFiles)
      await engine.docker(['vault', 'put', 'box', path], { input: Buffer.alloc(size, 's') })
    await engine.docker(['volume', 'create', '-d', 'secretbox', '-o', 'box=box', 'box-volume'])
    const tmpfs = ['type=tmpfs', 'device=tmpfs', 'o=size=65536'].flatMap(option => ['-o', option])
    await engine.docker(['volume', 'create', ...tmpfs, 'tmpfs-volume'])

    const ms = await compare(turns, {
      box: run(engine, ['-v', 'box-volume:/secrets']),
      volume: run(engine, ['-v', 'tmpfs-volume:/secrets']),
      tmpfs: run(engine, ['--mount', 'type=tmpfs,dst=/secrets'])
    })
    const { nowMiB } = await memoryOf(await pluginProcess(engine))
    return [
      {
        name: 'docker run with a box ÷ with a tmpfs volume of the local driver',
        value: ms.box / ms.volume,
        unit: 'x',
        atMost: 1.03
      },
      { name: 'docker run with a box ÷ with --mount type=tmpfs', value: ms.box / ms.tmpfs, unit: 'x' },
      { name: 'docker run with a box', value: ms.box, unit: 'ms' },
      { name: 'memory of the plugin afterwards', value: nowMiB, unit: 'MiB', atMost: 80 }
    ]
  } finally {
    await engine.stop()
  }
}

function run(engine: Engine, args: readonly string[]): Way {
  return {
    async work() {
      await engine.docker(['run', '--rm', '--network', 'none', ...args, testImage, 'true'])
    }
  }
}
