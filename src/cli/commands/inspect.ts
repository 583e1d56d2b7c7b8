import type { Command } from 'commander'
import type { BoxListing } from '../../api/boxes.ts'
import { isSecretboxError } from '../../base/errors.ts'
import { parseBoxName, type BoxName } from '../../base/names.ts'
import type { Api } from '../client/api.ts'
import { nullIfDenied } from '../inject/may-use.ts'
import type { Cli } from '../declare/cli.ts'
import { command } from '../declare/command.ts'
import { entryFields, entryShape } from '../output/entry-fields.ts'
import { detailFormat, printerFor, type Fields } from '../output/format.ts'
import { boxOperand } from '../declare/operand.ts'
import { parseVersion } from '../declare/version-number.ts'
import { printableJson } from '../output/printable.ts'

/** `inspect BOX…`: everything there is to know about boxes, but no contents, as a JSON array. */
export function inspect(cli: Cli): Command {
  const boxes = boxOperand('names of boxes, or their UUIDs').several()
  return command(cli, 'inspect', 'Show the details of boxes as JSON; contents are never shown', [
    '$ inspect db',
    "$ inspect --format '{{.Version}}' db"
  ])
    .addArgument(boxes)
    .option(...detailFormat)
    .option('--version <n>', 'show this version instead of the newest', parseVersion)
    .action(async (names: string[], { format, version }: { format?: string; version?: number }) => {
      const print = format === undefined ? null : printerFor(cli, format, fields, Object.keys(fields))
      const details: Record<string, unknown>[] = []
      await cli.each(
        names,
        async name => void details.push(detailsOf(await findBox(cli.api, boxes.parse(name), version)))
      )
      if (print === null) cli.stdout.write(`${printableJson(details, 4)}\n`)
      else print(details)
    })
}

/** The box of a name, or with that UUID when none is called so. Throws what asking by the name does. */
async function findBox(api: Api, name: BoxName, version: number | undefined): Promise<BoxListing> {
  return api.box(name, version).catch(async (error: unknown) => {
    const isNone = isSecretboxError(error, 'not_found') || isSecretboxError(error, 'denied')
    if (!isNone || !/^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i.test(name)) throw error
    const found = await api.boxesAndDamaged({ uuid: name.toLowerCase() }).catch(nullIfDenied)
    const [box] = found?.boxes ?? []
    if (box === undefined) throw error
    return api.box(parseBoxName(box.name), version)
  })
}

/** The fields of a credential have these, and what clients are given of it. */
const fieldShape = { Name: {}, Secret: {}, Required: {}, From: {}, Value: {} } as const
const fileShape = { Path: {}, Mode: {} } as const

const fields: Fields = {
  Name: { heading: 'BOX' },
  ID: { heading: 'BOX ID' },
  UUID: { heading: 'UUID' },
  Owner: { heading: 'OWNER' },
  Path: { heading: 'PATH' },
  Type: { heading: 'TYPE' },
  Scope: { heading: 'SCOPE', fields: 'any' },
  Fields: { heading: 'FIELDS', each: fieldShape },
  Facts: { heading: 'FACTS', fields: 'any' },
  Missing: { heading: 'MISSING' },
  Rendered: { heading: 'RENDERED', each: fileShape },
  Version: { heading: 'VERSION' },
  Created: { heading: 'CREATED' },
  Changed: { heading: 'CHANGED' },
  Reveal: { heading: 'REVEAL' },
  Closed: { heading: 'CLOSED' },
  Size: { heading: 'SIZE' },
  Files: { heading: 'FILES', each: entryShape }
}

function detailsOf(box: BoxListing): Record<string, unknown> {
  return {
    Name: box.name,
    ID: box.id,
    UUID: box.uuid,
    Owner: box.owner,
    Path: box.path,
    ...(box.type === undefined ? {} : credentialOf(box, box.type)),
    Version: box.version,
    Created: box.created,
    Changed: box.changed,
    Reveal: box.reveal,
    Closed: box.closed,
    Size: box.bytes,
    Files: box.files.map(entryFields)
  }
}

function credentialOf(box: BoxListing, type: string): Record<string, unknown> {
  const { scope, fields, facts, missing, rendered } = box
  return {
    Type: type,
    Scope: scope,
    Fields: fields?.map(({ name, secret, required, from = '', value }) => ({
      ...{ Name: name, Secret: secret, Required: required, From: from },
      ...(value === undefined ? {} : { Value: value })
    })),
    Facts: facts,
    Missing: missing,
    Rendered: rendered?.map(({ path, mode }) => ({ Path: path, Mode: mode }))
  }
}
