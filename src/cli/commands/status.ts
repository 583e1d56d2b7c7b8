import type { Command } from 'commander'
import { quote } from '../../base/errors.ts'
import type { Cli } from '../declare/cli.ts'
import { command } from '../declare/command.ts'
import { exitCodes } from '../output/failure.ts'
import { detailFormat, printerFor, type Field, type Fields } from '../output/format.ts'
import { counted, humanSize } from '../output/human.ts'
import { differencesText, passedOverHint } from '../output/option-differences.ts'
import { tableLines } from '../output/table.ts'
import type { Shape } from '../output/template-expression.ts'
import { valueText } from '../output/template.ts'

/** `status`: how the daemon is. The exit status says whether the vault is open: 0, or 1 while it is sealed. */
export function status(cli: Cli): Command {
  return command(
    cli,
    'status',
    'Show whether the vault is unsealed, and what it holds. The exit status is 0 when it is, 1 while it is sealed, and 3 ' +
      'when no daemon answers.',
    ['$ status', "$ status --format '{{.Version}} {{.Disk.State}}'", '$ status --quiet || echo sealed']
  )
    .summary('Show whether the vault is unsealed, and what it holds')
    .option(...detailFormat)
    .option('-q, --quiet', 'print nothing: the exit status says it')
    .action(async ({ format, quiet }: { format?: string; quiet?: boolean }) => {
      const now = capitalised(await cli.api.status()) as Record<string, unknown>
      if (now['Sealed'] === true) cli.endWith(exitCodes.failed)
      if (quiet === true) return
      if (format !== undefined) printerFor(cli, format, fieldsOf(now), Object.keys(now))([now])
      else {
        for (const line of tableLines(linesOf(now, ''))) cli.print(line)
        for (const hint of hintsIn(now)) cli.note(`hint: ${hint}`)
      }
    })
}

/** What the API says, in docker's spelling: whatever it is, so that a newer daemon can tell more. */
function capitalised(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(capitalised)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, each]) => [
      key === 'id' ? 'ID' : key.charAt(0).toUpperCase() + key.slice(1),
      capitalised(each)
    ])
  )
}

function fieldsOf(values: Readonly<Record<string, unknown>>): Fields {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]): [string, Field] => [
      name,
      { heading: name, ...shapeOf(value) }
    ])
  )
}

function shapeOf(value: unknown): Shape {
  if (Array.isArray(value)) return { each: 'any' }
  if (typeof value !== 'object' || value === null) return {}
  return { fields: Object.fromEntries(Object.entries(value).map(([name, each]) => [name, shapeOf(each)])) }
}

function linesOf(values: Readonly<Record<string, unknown>>, prefix: string): string[][] {
  return Object.entries(values).flatMap(([key, value]) => {
    // `MaxBoxBytes` reads as `Max Box`; that it is a size is told by its unit.
    const name = prefix + key.replace(/Bytes$/, '').replace(/(?<=[a-z])[A-Z]/g, letter => ` ${letter}`)
    if (Array.isArray(value)) return value.map((each, i) => [i === 0 ? `${name}:` : '', listed(key, each)])
    if (typeof value === 'object' && value !== null)
      return linesOf(value as Record<string, unknown>, `${name} `)
    if (typeof value === 'boolean') return [[`${name}:`, value ? 'yes' : 'no']]
    const isSize = key.endsWith('Bytes') && typeof value === 'number'
    return [[`${name}:`, isSize ? humanSize(value) : valueText(value)]]
  })
}

/** What can be told of in a sentence; anything else as it is. */
function listed(list: string, value: unknown): string {
  const sentence = sentences[list]
  return sentence !== undefined && typeof value === 'object' && value !== null
    ? sentence(value as Record<string, unknown>)
    : valueText(value)
}

/** How an entry of a list of the status reads. */
const sentences: Readonly<Record<string, (entry: Readonly<Record<string, unknown>>) => string>> = {
  FailedStarts({ Container: container, Tries: tries, IsGivenUp: isGivenUp, Error: error }) {
    const end = isGivenUp === true ? ', given up' : ''
    return `${valueText(container)} (${counted(Number(tries), 'try', 'tries')}${end}): ${valueText(error)}`
  },
  OtherOptions({ Container: container, Volume: volume, Options: options }) {
    const differences = (options as readonly Readonly<Record<string, string | null>>[]).map(one => ({
      option: one['Option'] ?? '',
      given: one['Given'] ?? null,
      has: one['Has'] ?? null
    }))
    return `container ${quote(valueText(container))} was given others: volume ${quote(valueText(volume))} has ${differencesText(differences)}`
  },
  Kept({ Copies: copies, Volume: volume, Reason: reason }) {
    const whose = typeof volume === 'string' ? `volume ${quote(volume)}` : 'a volume that is not known'
    return `${counted(Number(copies), 'copy', 'copies')} of ${whose}: ${valueText(reason)}`
  }
}

/** What is to be done about what the lists of the status tell, each once. */
function hintsIn(values: Readonly<Record<string, unknown>>): ReadonlySet<string> {
  const entries = Object.values(values).flatMap((value): unknown[] => (Array.isArray(value) ? value : []))
  const hints = entries.map(entry => (entry as { readonly Hint?: unknown } | null)?.Hint)
  const others = values['OtherOptions']
  const passedOver = Array.isArray(others) && others.length > 0 ? [passedOverHint(null)] : []
  return new Set([...hints.filter(hint => typeof hint === 'string'), ...passedOver])
}
