import { runCommand } from '../kit/engine/command.ts'
import { builtCli } from '../kit/engine/plugin.ts'
import { newHome, removeHome, startBuiltDaemon } from './daemon.ts'
import type { Figure } from './figures.ts'
import { compare } from './sampling.ts'
import { makeBox, openVaultOf } from './vault.ts'

/** Whole runs of the built CLI, on the Node that its first line finds, beside a run of that Node that does nothing. */
export async function measureCli(): Promise<Figure[]> {
  const home = await newHome()
  const opened = await openVaultOf(home)
  await makeBox(opened.vault, 'box')
  await opened.close()
  const daemon = await startBuiltDaemon(home)
  const env = { ...process.env, SECRETBOX_SOCKET: daemon.adminSocket }
  const run = (command: string, ...args: string[]) => ({
    async work() {
      await runCommand(command, args, { env })
    }
  })
  try {
    const ms = await compare(
      { rounds: 20 },
      {
        node: run('node', '-e', '0'),
        help: run(builtCli, '--help'),
        list: run(builtCli, 'list', 'box'),
        metadata: run(builtCli, 'docker-cli-plugin-metadata')
      }
    )
    return [
      { name: 'docker-vault --help', value: ms.help, unit: 'ms', atMost: 150 },
      { name: 'docker-vault list box', value: ms.list, unit: 'ms', atMost: 150 },
      { name: 'docker-vault docker-cli-plugin-metadata', value: ms.metadata, unit: 'ms', atMost: 150 },
      { name: 'docker-vault list ÷ node -e 0', value: ms.list / ms.node, unit: 'x' },
      { name: 'node -e 0', value: ms.node, unit: 'ms' }
    ]
  } finally {
    await daemon.end()
    await removeHome(home)
  }
}
