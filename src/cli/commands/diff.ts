import type { Command } from 'commander'
import { SecretboxError } from '../../base/errors.ts'
import type { BoxName } from '../../base/names.ts'
import { isAtOrBelow, type Address } from '../client/address.ts'
import type { Api } from '../client/api.ts'
import type { Cli } from '../declare/cli.ts'
import { command } from '../declare/command.ts'
import { entryFields } from '../output/entry-fields.ts'
import { listFormat, printerFor, type Fields } from '../output/format.ts'
import { humanSize } from '../output/human.ts'
import { addressOperand, versionOperand } from '../declare/operand.ts'
import { valueText, type Row } from '../output/template.ts'

// What an entry is, in the newer version and, with "Old" before it, in the older one.
const sides = ['Type', 'Mode', 'Size', 'Digest', 'Target'] as const

const fields: Fields = {
  Change: { heading: 'CHANGE' },
  Path: { heading: 'PATH' },
  ...Object.fromEntries(sides.map(side => [side, { heading: side.toUpperCase(), show: bothSides(side) }])),
  ...Object.fromEntries(sides.map(side => [`Old${side}`, { heading: `OLD ${side.toUpperCase()}` }]))
}
const shownDigits = 12
const columns = ['Change', 'Path', ...sides]

function bothSides(side: string): (value: unknown, row: Row) => string {
  return (value, row) => {
    const [before, after] = [row[`Old${side}`], value].map(each =>
      typeof each === 'number' ? humanSize(each) : valueText(each)
    )
    return before === '' || after === '' || before === after ? after || before || '' : `${before} -> ${after}`
  }
}

/** `diff BOX[:PATH] [OLDER [NEWER]]`: what changed between two versions; names, sizes and digests, never contents. */
export function diff(cli: Cli): Command {
  return command(
    cli,
    'diff',
    'Show what changed between two versions of a box: names, modes, sizes and digests, never contents. Without ' +
      'versions, what the newest one changed. Digests are keyed: they tell equal from different, in this box alone.',
    ['$ diff db', '$ diff db 3', '$ diff web:certs 3 5']
  )
    .summary('Show what changed between two versions of a box')
    .addArgument(addressOperand('the box, or what lies at and below a path in it'))
    .addArgument(
      versionOperand('OLDER', 'the older version (default: the one before the newest)').argOptional()
    )
    .addArgument(versionOperand('NEWER', 'the newer version (default: the newest)').argOptional())
    .option(...listFormat)
    .action(
      async (
        { box, path }: Address,
        from: number | undefined,
        to: number | undefined,
        { format }: { format?: string }
      ) => {
        const print = printerFor(cli, format ?? 'table', fields, columns)
        const rows = await changes(cli, box, from ?? (await versionBefore(cli, box)), to)
        print(rows.filter(({ Path }) => isAtOrBelow(Path, path ?? '')))
      }
    )
}

async function versionBefore(cli: Cli, box: BoxName): Promise<number> {
  const before = (await cli.api.versions(box)).at(-2)
  if (before === undefined) {
    throw new SecretboxError('invalid', `cannot compare box "${box}": it has only one version`)
  }
  return before.version
}

async function changes(
  cli: Cli,
  box: BoxName,
  from: number,
  to: number | undefined
): Promise<(Row & { readonly Path: string })[]> {
  const [older, newer] = [await sideOf(cli.api, box, from), await sideOf(cli.api, box, to)]
  const paths = [...new Set([...older.keys(), ...newer.keys()])].sort()
  return paths.flatMap(path => {
    const [before, after] = [older.get(path), newer.get(path)]
    if (sides.every(side => before?.[side] === after?.[side])) return []
    const Change = before === undefined ? 'added' : after === undefined ? 'removed' : 'changed'
    const old = Object.entries(shown(before)).map(([side, value]) => [`Old${side}`, value] as const)
    return [{ Change, Path: path, ...shown(after), ...Object.fromEntries(old) }]
  })
}

/** A side with as much of its digest as people compare. */
function shown(side: Row | undefined): Row {
  const digest = side?.['Digest']
  return typeof digest === 'string' ? { ...side, Digest: digest.slice(0, shownDigits) } : (side ?? {})
}

/** The daemon makes the digests: contents do not leave it. */
async function sideOf(api: Api, box: BoxName, version: number | undefined): Promise<Map<string, Row>> {
  const { files } = await api.boxWithDigests(box, version)
  return new Map(
    files.map(entry => {
      const { Path: _, ...values } = entryFields(entry)
      return [entry.path, entry.type === 'file' ? { ...values, Digest: entry.digest } : values]
    })
  )
}
