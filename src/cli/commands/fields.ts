import type { Command } from 'commander'
import type { BoxListing } from '../../api/boxes.ts'
import type { FieldOfBox } from '../../api/types.ts'
import { quote, SecretboxError } from '../../base/errors.ts'
import { typeIsGone } from '../../base/messages.ts'
import type { BoxName } from '../../base/names.ts'
import type { Cli } from '../declare/cli.ts'
import { command } from '../declare/command.ts'
import { boxOperand } from '../declare/operand.ts'
import { listFormat, printerFor, type Fields } from '../output/format.ts'

/** `fields BOX`: the fields of a credential, with the values of those that are no secret. */
export function fields(cli: Cli): Command {
  return command(
    cli,
    'fields',
    'Show the fields of a box that has a type: which there are, which are set, and what those are that are no secret.',
    ['$ fields db']
  )
    .summary('Show the fields of a box with a type')
    .addArgument(boxOperand('name of the box'))
    .option(...listFormat)
    .action(async (box: BoxName, { format }: { format?: string }) => {
      const print = printerFor(cli, format ?? 'table', columnsOf, columns)
      const listing = await cli.api.box(box)
      print(fieldsOfListing(listing).map(rowOf))
      const { facts = {}, missing = [] } = listing
      if (format === undefined) for (const [fact, told] of Object.entries(facts)) cli.note(`${fact}: ${told}`)
      if (missing.length > 0) cli.note(`note: it cannot be mounted before it has ${missing.join(', ')}`)
    })
}

/** The fields of a box. Throws `invalid` for one without a type, `not_found` when its type is not there any more. */
export function fieldsOfListing({ name, type, fields: known }: BoxListing): readonly FieldOfBox[] {
  if (type === undefined) {
    throw new SecretboxError('invalid', `box ${quote(name)} has no type, and so no fields`, {
      hint: 'put stores a file in it; create --type makes a box with fields'
    })
  }
  if (known !== undefined) return known
  throw new SecretboxError('not_found', typeIsGone(name, type))
}

const columnsOf: Fields = {
  Field: { heading: 'FIELD' },
  Kind: { heading: 'KIND' },
  Required: { heading: 'REQUIRED', show: (required: boolean) => (required ? 'yes' : '') },
  Value: { heading: 'VALUE' },
  From: { heading: 'FROM' },
  Meaning: { heading: 'MEANING' }
}
const columns = Object.keys(columnsOf)

function rowOf({ name, secret, required, from, value, meaning }: FieldOfBox): Record<string, unknown> {
  const hidden = secret ? '(secret)' : '(set)'
  return {
    ...{ Field: name, Kind: secret ? 'secret' : 'shown', Required: required },
    ...{ Value: from === undefined ? '' : (value ?? hidden), From: from ?? '', Meaning: meaning }
  }
}
