import type { Command } from 'commander'
import type { SecretboxError } from '../errors.ts'
import { parseBoxName, parseFilePath } from '../vault/names.ts'
import type { Cli } from './cli.ts'
import { command } from './command.ts'
import { findFiles, type OperatorFile } from './operator-files.ts'
import { upload } from './upload.ts'

/** `add [-r] <box> <file>…`: puts files of the operator's into a box, all of them as one new version. */
export function add(cli: Cli): Command {
  return command(
    cli,
    'add',
    'Add files to a box under the paths they are named by; ../a/b and /a/b become a/b. Symlinks are added as ' +
      'symlinks, modes are kept. What cannot be added is reported, the rest is added as one new version.',
    ['$ add db password.txt', '$ add -r web certs/ nginx.conf']
  )
    .summary('Add files to a box')
    .argument('<box>', 'name of the box')
    .argument('<file...>', 'files to add')
    .option('-r, --recursive', 'add directories with everything in them; existing ones are merged')
    .action(async (name: string, operands: string[], { recursive = false }: { recursive?: boolean }) => {
      const box = parseBoxName(name)
      await cli.api.versions(box)
      const files: OperatorFile[] = []
      const refuse = (error: SecretboxError) => cli.fail(error)
      await cli.each(operands, async operand => {
        for await (const file of findFiles(operand, parseFilePath(operand), recursive, refuse))
          files.push(file)
      })
      await upload(cli, box, files)
    })
}
