import type { Command } from 'commander'
import { isSecretboxError, quote, SecretboxError } from '../../base/errors.ts'
import { noFileInBox } from '../../base/messages.ts'
import { addressText, asOneWord, isAtOrBelow, parseAddress } from '../client/address.ts'
import type { BoxEntry, BoxListing } from '../../api/boxes.ts'
import type { Cli } from '../declare/cli.ts'
import { readableBoxes } from './all-boxes.ts'
import { command } from '../declare/command.ts'
import { entryFields } from '../output/entry-fields.ts'
import { sizeField } from '../output/fields.ts'
import { listFormat, printerFor, type Fields } from '../output/format.ts'
import { counted, humanSize } from '../output/human.ts'
import { listBoxes, sayHowToBegin } from './list-boxes.ts'
import { matcherOf, type ListOptions } from '../declare/list-options.ts'
import { readPair } from '../declare/pairs.ts'
import { addressOperand } from '../declare/operand.ts'
import { printable } from '../output/printable.ts'
import { cut } from '../output/table.ts'
import { treeLines } from '../output/tree-lines.ts'

/** `list [BOX[:PATH]…]`: shows what boxes hold, never contents. */
export function list(cli: Cli): Command {
  const listable = addressOperand('boxes, or what lies at and below a path in one').several().argOptional()
  return command(
    cli,
    'list',
    'List the files and directories in boxes; in all boxes if none is named. At a terminal a tree is drawn; ' +
      'elsewhere each entry is one line BOX:PATH, as `read` takes it, directories end in "/" and control ' +
      'characters are escaped (use --format json for exact names).',
    [
      '$ list',
      '$ list --boxes',
      '$ list --type postgres --scope use=reports --filter user=app',
      "$ list --pattern '\\.pem$' web",
      "$ list --format 'table {{.Path}}\\t{{.Size}}' db"
    ]
  )
    .summary('List the files in boxes')
    .alias('ls')
    .addArgument(listable)
    .option('-b, --boxes', 'list the boxes alone, not what they hold')
    .option(...listFormat)
    .option('-r, --pattern <regexp>', 'list only entries whose path matches the regular expression')
    .option('-t, --type <type>', 'list the credentials of this type; as the three below, boxes alone')
    .option('--scope <key=value>', 'list the credentials whose scope has this pair, once for each', readPair)
    .option(
      '--filter <field=value>',
      'list those with this value of a field that is no secret, once for each',
      readPair
    )
    .option('--uuid <uuid>', 'list the box with this ID')
    .option('--owner <user>', 'list the boxes of this user, by name or number')
    .option('-q, --quiet', 'print plain lines at a terminal, too')
    .option('--no-trunc', 'do not cut long lines at a terminal')
    .action(async (names: string[], options: ListOptions) => {
      const { boxes, type, scope, filter, uuid, owner } = options
      if (boxes === true || (type ?? scope ?? filter ?? uuid ?? owner) !== undefined)
        await listBoxes(cli, names, options)
      else await listEntries(cli, names, options)
    })
}

const fields: Fields = {
  Box: { heading: 'BOX' },
  Version: { heading: 'VERSION' },
  Path: { heading: 'PATH' },
  Type: { heading: 'TYPE' },
  Mode: { heading: 'MODE' },
  Size: sizeField,
  Target: { heading: 'TARGET' }
}
const columns = ['Box', 'Path', 'Type', 'Mode', 'Size', 'Target']

async function listEntries(cli: Cli, names: readonly string[], options: ListOptions): Promise<void> {
  const matches = matcherOf(options.pattern)
  const { format, quiet = false } = options
  const print = format === undefined ? null : printerFor(cli, format, fields, columns)
  const rows: Record<string, unknown>[] = []

  let isEmpty = true
  for await (const { box, path: top } of listed(cli, names)) {
    isEmpty = false
    const entries = box.files.filter(({ path }) => isAtOrBelow(path, top) && matches(path))
    if (print !== null) rows.push(...entries.map(entry => rowOf(box, entry)))
    else if (quiet || cli.stdout.isTTY !== true) for (const entry of entries) cli.print(lineOf(box, entry))
    else if (entries.length > 0 || options.pattern === undefined) drawBox(cli, box, entries, options.trunc)
  }
  print?.(rows)
  if (isEmpty && names.length === 0) sayHowToBegin(cli)
}

/** A box, and where in it the list begins; `''` is all of the box. */
interface Listed {
  readonly box: BoxListing
  readonly path: string
}

/** Reads the named boxes one by one, all if none is named; reports what cannot be read and goes on. */
async function* listed(cli: Cli, names: readonly string[]): AsyncGenerator<Listed> {
  const all = names.length === 0
  for (const name of all ? (await readableBoxes(cli)).map(box => box.name) : names) {
    try {
      const { box: boxName, path } = parseAddress(name)
      const box = await asOneWord(names, name, () => cli.api.box(boxName))
      const top = path ?? ''
      if (top !== '' && !box.files.some(({ path }) => isAtOrBelow(path, top)))
        throw new SecretboxError('not_found', noFileInBox(`cannot list ${quote(top)}`))
      yield { box, path: top }
    } catch (error) {
      // Between the list of boxes and this one it may have been destroyed: then it is not to be listed.
      if (!(all && isSecretboxError(error, 'not_found'))) cli.fail(error)
    }
  }
}

function rowOf(box: BoxListing, entry: BoxEntry): Record<string, unknown> {
  return { Box: box.name, Version: box.version, ...entryFields(entry) }
}

function lineOf(box: BoxListing, { path, type }: BoxEntry): string {
  return addressText(box.name, path) + (type === 'directory' ? '/' : '')
}

/** `2 files`, `1 directory`: of each kind that there is. */
function countsOf(entries: readonly BoxEntry[]): string[] {
  const kinds = [
    ['file', 'files'],
    ['directory', 'directories'],
    ['symlink', 'symlinks']
  ] as const
  const counts = kinds.flatMap(([kind, kinds]) => {
    const count = entries.filter(({ type }) => type === kind).length
    return count === 0 ? [] : counted(count, kind, kinds)
  })
  return counts.length === 0 ? ['empty'] : counts
}

function drawBox(cli: Cli, box: BoxListing, entries: readonly BoxEntry[], trunc: boolean): void {
  const holds = [`version ${box.version}`, ...countsOf(box.files), humanSize(box.bytes)]
  const heading = `${printable(box.name)}   ${holds.join(', ')}`
  for (const line of [heading, ...treeLines(entries)]) {
    cli.print(trunc ? cut(line, cli.stdout.columns || Infinity) : line)
  }
}
