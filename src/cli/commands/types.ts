import type { Command } from 'commander'
import { errorOf } from '../../api/errors.ts'
import type { TypeOfBox } from '../../api/types.ts'
import { quote, SecretboxError } from '../../base/errors.ts'
import type { Cli } from '../declare/cli.ts'
import { command } from '../declare/command.ts'
import { typeOperand } from '../declare/operand.ts'
import { listFormat, printerFor, type Fields } from '../output/format.ts'
import { printableJson } from '../output/printable.ts'
import { UsageError } from '../output/failure.ts'

/** `types [TYPE]`: the types of credentials, or one with its fields and files. */
export function types(cli: Cli): Command {
  return command(
    cli,
    'types',
    'List the types that boxes can have, or show the fields of one and the files that clients are given of it.',
    ['$ types', '$ types postgres']
  )
    .summary('List the types that boxes can have')
    .addArgument(typeOperand('a type, to be shown with its fields and files').argOptional())
    .option(...listFormat)
    .action(async (name: string | undefined, { format }: { format?: string }) => {
      const { types: all, bad = [] } = await cli.api.types()
      if (name === undefined) {
        printerFor(cli, format ?? 'table', columnsOf, ['Type', 'Fields', 'Files', 'Title'])(all.map(rowOf))
        cli.failEach(bad)
        return
      }
      const type = all.find(each => each.name === name)
      if (type === undefined) {
        const wrong = bad.find(each => each.name === name)
        throw wrong === undefined ? noSuchType(name, all) : errorOf(wrong)
      }
      if (format === undefined) show(cli, type)
      else if (format === 'json') cli.stdout.write(`${printableJson(type)}\n`)
      else throw new UsageError('one type is shown as it is, or with --format json')
    })
}

function noSuchType(name: string, all: readonly TypeOfBox[]): SecretboxError {
  return new SecretboxError(
    'not_found',
    `no such type ${quote(name)}: there are ${all.map(each => each.name).join(', ')}`
  )
}

const columnsOf: Fields = {
  Type: { heading: 'TYPE' },
  Origin: { heading: 'ORIGIN' },
  Fields: { heading: 'FIELDS' },
  Files: { heading: 'FILES' },
  Title: { heading: 'MEANING' }
}

function rowOf({ name, origin, title, fields, others, files }: TypeOfBox): Record<string, unknown> {
  const names = fields.map(field => (field.required ? field.name : `[${field.name}]`))
  return {
    ...{ Type: name, Origin: origin, Title: title },
    Fields: [...names, ...(others === undefined ? [] : ['…'])].join(' '),
    Files: files.map(({ path }) => path).join(' ')
  }
}

/** What there is to know of a type: what it is, its fields, its files. */
function show(cli: Cli, { name, title, fields, others, alternatives = [], files }: TypeOfBox): void {
  cli.print(`${name}: ${title}`)
  cli.print('')
  const rows = fields.map(field => ({
    Field: field.name,
    Kind: field.secret ? 'secret' : 'shown',
    Required: field.required ? 'yes' : '',
    Usual: field.usual ?? (field.generated === undefined ? '' : '(--generate)'),
    Meaning: field.meaning
  }))
  if (rows.length > 0) printerFor(cli, 'table', fieldColumns, Object.keys(fieldColumns))(rows)
  if (others !== undefined) cli.print(`any fields, all secret; a name is ${others}`)
  for (const group of alternatives) cli.print(`one way: ${group.join(', ')}`)
  cli.print('')
  printerFor(
    cli,
    'table',
    fileColumns,
    Object.keys(fileColumns)
  )(files.map(({ path, mode }) => ({ File: path, Mode: mode })))
}

const fieldColumns: Fields = {
  Field: { heading: 'FIELD' },
  Kind: { heading: 'KIND' },
  Required: { heading: 'REQUIRED' },
  Usual: { heading: 'USUAL' },
  Meaning: { heading: 'MEANING' }
}
const fileColumns: Fields = { File: { heading: 'FILE' }, Mode: { heading: 'MODE' } }
