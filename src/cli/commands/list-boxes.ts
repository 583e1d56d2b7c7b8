import { parseBoxName } from '../../base/names.ts'
import { parseBoxAlone } from '../client/address.ts'
import type { BoxSummary } from '../../api/boxes.ts'
import type { Cli } from '../declare/cli.ts'
import { readableBoxes } from './all-boxes.ts'
import { ageField, sizeField } from '../output/fields.ts'
import { printerFor, type Fields } from '../output/format.ts'
import { matcherOf, type ListOptions } from '../declare/list-options.ts'

const fields: Fields = {
  Name: { heading: 'BOX' },
  Version: { heading: 'VERSION' },
  Files: { heading: 'ENTRIES' },
  Size: sizeField,
  Created: ageField('CREATED'),
  Changed: ageField('CHANGED')
}
const columns = ['Name', 'Version', 'Files', 'Size', 'Changed']

/**
 * `list --boxes`: at a terminal a table of boxes, elsewhere their names, a line each. With a pattern, only
 * boxes that hold a path which matches.
 */
export async function listBoxes(cli: Cli, names: readonly string[], options: ListOptions): Promise<void> {
  const plain = options.quiet === true || cli.stdout.isTTY !== true
  const print = printerFor(cli, options.format ?? (plain ? '{{.Name}}' : 'table'), fields, columns)
  const matches = matcherOf(options.pattern)
  const boxes = await readableBoxes(cli)
  if (boxes.length === 0 && names.length === 0) sayHowToBegin(cli)
  const chosen = names.length === 0 ? boxes : await named(cli, boxes, names)
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
    // The daemon says that there is none, and what may have been meant.
    if (box === undefined) await cli.api.versions(name)
    else found.push(box)
  })
  return found
}

function rowOf({ name, version, files, bytes, created, changed }: BoxSummary): Record<string, unknown> {
  return { Name: name, Version: version, Files: files, Size: bytes, Created: created, Changed: changed }
}
