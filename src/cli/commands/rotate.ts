import type { Command } from 'commander'
import { quote } from '../../base/errors.ts'
import { parseBoxAlone } from '../client/address.ts'
import type { Cli } from '../declare/cli.ts'
import { command } from '../declare/command.ts'
import { boxOperand, choiceOperand } from '../declare/operand.ts'
import { UsageError } from '../output/failure.ts'
import { readableBoxes } from './all-boxes.ts'

const kinds = { root: 'root', box: 'box' } as const

/** `rotate root`, `rotate box BOX…|--all`: gives the vault another root key, or boxes other keys. */
export function rotate(cli: Cli): Command {
  return command(
    cli,
    'rotate',
    'Give the vault another root key, and put all that is under the old one under that. All keyslots that there are open the vault as ' +
      'before, and containers go on. Whoever has had the old one, as by a keyslot that was removed since, may know the keys of boxes, ' +
      'too: "rotate box" gives boxes others and encrypts all that they hold anew, while they are read and mounted. After both they can ' +
      'read nothing that comes later. Whoever copied the store before can still read that copy.',
    ['$ rotate root', '$ rotate box db', '$ rotate box --all']
  )
    .summary('Make the keys of the vault others')
    .addArgument(
      choiceOperand(
        'WHAT',
        kinds,
        (text, known) => new UsageError(`cannot rotate ${quote(text)}`, `there are: ${known}`)
      )
    )
    .addArgument(boxOperand('names of the boxes, for "box"').several().argOptional())
    .option('-a, --all', 'all boxes')
    .action(async (what: 'root' | 'box', names: string[], { all = false }: { all?: boolean }) => {
      if (what === 'root') {
        if (names.length > 0 || all) throw new UsageError('"rotate root" takes no boxes')
        await cli.api.rotateRoot()
        return
      }
      if (names.length > 0 === all) throw new UsageError('name boxes, or say --all')
      if (!all) await cli.each(names, text => cli.api.rotateBox(parseBoxAlone(text)))
      else await rotateAll(cli)
    })
}

/** Says which it is at, since it may take a while. */
async function rotateAll(cli: Cli): Promise<void> {
  const boxes = await readableBoxes(cli)
  await cli.each(boxes.entries(), async ([at, { name }]) => {
    cli.note(`box ${at + 1} of ${boxes.length}: ${name}`)
    await cli.api.rotateBox(parseBoxAlone(name))
  })
}
