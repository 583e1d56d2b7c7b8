import { quote, SecretboxError } from '../../base/errors.ts'
import { parseBoxName } from '../../base/names.ts'
import { parseBoxAlone } from '../client/address.ts'
import type { BoxSummary } from '../../api/boxes.ts'
import type { Cli } from '../declare/cli.ts'
import { readableBoxes } from './all-boxes.ts'
import { uidOf } from '../input/people.ts'
import { ageField, sizeField } from '../output/fields.ts'
import { printerFor, type Fields } from '../output/format.ts'
import { matcherOf, type ListOptions } from '../declare/list-options.ts'

const fields: Fields = {
  Name: { heading: 'BOX' },
  Version: { heading: 'VERSION' },
  Files: { heading: 'ENTRIES' },
  Size: sizeField,
  UUID: { heading: 'UUID' },
  Owner: { heading: 'OWNER' },
  Type: { heading: 'TYPE' },
  Scope: { heading: 'SCOPE', fields: 'any', show: pairsText },
  Shown: { heading: 'FIELDS', fields: 'any', show: pairsText },
  Created: ageField('CREATED'),
  Changed: ageField('CHANGED')
}
const ofCredentials = ['Name', 'Type', 'Scope', 'Shown', 'Version', 'Changed']
const columns = ['Name', 'Version', 'Files', 'Size', 'Changed']
const withTypes = ['Name', 'Type', 'Scope', 'Version', 'Files', 'Size', 'Changed']

/**
 * `list --boxes`: at a terminal a table of boxes, elsewhere their names, a line each. With a pattern, only
 * boxes that hold a path which matches.
 */
export async function listBoxes(cli: Cli, names: readonly string[], options: ListOptions): Promise<void> {
  const plain = options.quiet === true || cli.stdout.isTTY !== true
  const { type, scope, filter, uuid, format = plain ? '{{.Name}}' : 'table' } = options
  const isSearch = (type ?? scope ?? filter) !== undefined
  const printing = (shown: readonly string[]) => printerFor(cli, format, fields, shown)
  // A bad format is told of before anything is asked.
  printing(columns)
  const matches = matcherOf(options.pattern)
  // At a terminal and in a format what is no secret is shown.
  const withFields = filter !== undefined || (!plain && isSearch) || options.format !== undefined
  const owner = options.owner === undefined ? undefined : await uidOf(options.owner)
  const all = await readableBoxes(cli, { uuid, owner, fields: withFields })
  const boxes = all.filter(
    box =>
      (type === undefined || box.type === type) && hasPairs(box.scope, scope) && hasPairs(box.shown, filter)
  )
  if (all.length === 0 && names.length === 0 && (uuid ?? owner) === undefined) sayHowToBegin(cli)
  const chosen =
    names.length === 0 ? boxes : (await named(cli, all, names)).filter(box => boxes.includes(box))
  const isTyped = chosen.some(box => box.type !== undefined)
  const print = printing(isSearch ? ofCredentials : isTyped ? withTypes : columns)
  print((options.pattern === undefined ? chosen : await holding(cli, chosen, matches)).map(rowOf))
}

/** To a person who finds no box at all. */
export function sayHowToBegin(cli: Cli): void {
  if (cli.stdout.isTTY === true) cli.note(`there are no boxes yet; to make one: ${cli.name} create NAME`)
}

async function holding(
  cli: Cli,
  boxes: readonly BoxSummary[],
  matches: (path: string) => boolean
): Promise<BoxSummary[]> {
  const found: BoxSummary[] = []
  for (const box of boxes) {
    const { files } = await cli.api.box(parseBoxName(box.name))
    if (files.some(({ path }) => matches(path))) found.push(box)
  }
  return found
}

async function named(
  cli: Cli,
  boxes: readonly BoxSummary[],
  names: readonly string[]
): Promise<BoxSummary[]> {
  const byName = new Map(boxes.map(box => [box.name, box]))
  const found: BoxSummary[] = []
  await cli.each(names, async text => {
    const name = parseBoxAlone(text)
    const box = byName.get(name)
    if (box === undefined) {
      // The daemon says that there is none, and what may have been meant.
      await cli.api.versions(name)
      throw new SecretboxError('not_found', `box ${quote(name)} is not among those that were asked for`, {
        hint: 'it is of another owner, or has another UUID'
      })
    }
    found.push(box)
  })
  return found
}

/** Whether all pairs that are wanted are there. */
function hasPairs(
  pairs: Readonly<Record<string, string>> = {},
  wanted: Readonly<Record<string, string>> = {}
): boolean {
  return Object.entries(wanted).every(([key, value]) => Object.hasOwn(pairs, key) && pairs[key] === value)
}

function pairsText(pairs: Readonly<Record<string, string>> = {}): string {
  return Object.entries(pairs)
    .map(([key, value]) => `${key}=${value}`)
    .join(' ')
}

function rowOf(box: BoxSummary): Record<string, unknown> {
  const { name, uuid, owner, type = '', scope, shown, version, files, bytes, created, changed } = box
  return {
    ...{ Name: name, UUID: uuid, Owner: owner, Type: type, Scope: scope, Shown: shown, Version: version },
    ...{ Files: files, Size: bytes, Created: created, Changed: changed }
  }
}
