import { quote } from '../../base/errors.ts'
import type { Output, Speaker } from './streams.ts'
import { UsageError } from './failure.ts'
import { printable, printableJson } from './printable.ts'
import { tableLines } from './table.ts'
import { knownIn, type Shape } from './template-expression.ts'
import { parseTemplate, valueText, type Row, type Show, type Template } from './template.ts'

/**
 * A field of a kind of row: its column's heading, how a table shows its value where that is not as it is, and what
 * templates find in a value that is an object or a list of them.
 */
export interface Field extends Shape {
  readonly heading: string
  readonly show?: (value: never, row: Row) => string
}

/** The fields of a kind of row, by the name that templates and JSON have for them. */
export type Fields = Readonly<Record<string, Field>>

/** The option of commands that print rows. */
export const listFormat = [
  '-f, --format <format>',
  '"table", "table TEMPLATE", "json" or TEMPLATE, a Go template as in docker'
] as const

/** The option of commands that print rows about containers. */
export const quietIds = ['-q, --quiet', 'print container IDs alone'] as const

/** The option of commands that print all there is to know of a thing. */
export const detailFormat = [
  '-f, --format <format>',
  '"json" or TEMPLATE, a Go template as in docker'
] as const

/** Writes rows in one layout; to be called once with all of them. */
export type Printer = (rows: readonly Row[]) => void

/**
 * Makes the printer for a `--format`: `table`, `table TEMPLATE`, `json` (a line per row) or `TEMPLATE`. A plain
 * `table` has `columns`. Throws `UsageError` for a template that is not understood, or that shows nothing of a row.
 */
export function printerFor(
  { stdout }: Pick<Speaker, 'stdout'>,
  format: string,
  fields: Fields,
  columns: readonly string[]
): Printer {
  if (format === 'json') return rows => rows.forEach(row => stdout.write(`${printableJson(row)}\n`))
  if (format === 'table') {
    const headings = columns.map(column => fields[column]?.heading ?? '')
    const show = inTable(fields)
    return tablePrinter(stdout, headings, row => columns.map(column => show(row[column], column, row)))
  }
  if (format.startsWith('table ')) {
    const template = readTemplate(format.slice('table '.length), format, fields)
    const headings = template.headings(field => fields[field]?.heading ?? '').split('\t')
    return tablePrinter(stdout, headings, row => template.render(row, inTable(fields)).split('\t'))
  }
  const template = readTemplate(format, format, fields)
  // A terminal must not be steered by a name; a program wants it as it is.
  const show: Show = stdout.isTTY === true ? value => printable(valueText(value)) : value => valueText(value)
  return rows => {
    for (const row of rows) stdout.write(`${template.render(row, show)}\n`)
  }
}

function readTemplate(template: string, format: string, fields: Fields): Template {
  const parsed = parseTemplate(template, fields)
  if (parsed.showsFields) return parsed
  throw new UsageError(
    format === '' ? 'bad format "": it is empty' : `bad format ${quote(format)}: it shows no field`,
    `a format is "json", "table" or a template such as {{.${Object.keys(fields)[0] ?? ''}}}, and no filter; ${knownIn({ fields })}`
  )
}

/** Values as tables show them: a field in its own way, and nothing that could break the table. */
function inTable(fields: Fields): Show {
  return (value, field, row) => {
    const show = field === null ? undefined : fields[field]?.show
    return printable(show === undefined ? valueText(value) : show(value as never, row))
  }
}

function tablePrinter(stdout: Output, headings: readonly string[], cellsOf: (row: Row) => string[]): Printer {
  return rows => {
    for (const line of tableLines([headings, ...rows.map(cellsOf)])) stdout.write(`${line}\n`)
  }
}
