import type { Cli } from './cli.ts'
import { printable } from './printable.ts'
import { tableLines } from './table.ts'
import { parseTemplate, valueText, type Piece, type Row } from './template.ts'

/** A field of a kind of row: its column's heading, and how a table shows its value where that is not as it is. */
export interface Field {
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

/** The option of commands that print all there is to know of a thing. */
export const detailFormat = [
  '-f, --format <format>',
  '"json" or TEMPLATE, a Go template as in docker'
] as const

/** Writes rows in one layout; to be called once with all of them. */
export type Printer = (rows: readonly Row[]) => void

/**
 * Makes the printer for a `--format`: `table`, `table TEMPLATE`, `json` (a line per row) or `TEMPLATE`. A plain
 * `table` has `columns`. Throws `UsageError` for a template that is not understood.
 */
export function printerFor(cli: Cli, format: string, fields: Fields, columns: readonly string[]): Printer {
  if (format === 'json') return rows => rows.forEach(row => cli.stdout.write(`${JSON.stringify(row)}\n`))
  if (format === 'table') return tablePrinter(cli, fields, columns.map(columnCell))
  const names = Object.keys(fields)
  if (format.startsWith('table ')) {
    const cells = splitAtTabs(parseTemplate(format.slice('table '.length), names))
    return tablePrinter(cli, fields, cells)
  }
  const pieces = parseTemplate(format, names)
  const exact = cli.stdout.isTTY !== true
  return rows => {
    for (const row of rows) {
      const line = pieces.map(piece =>
        'text' in piece ? piece.text : shown(valueText(piece.value(row)), exact)
      )
      cli.stdout.write(`${line.join('')}\n`)
    }
  }
}

function shown(text: string, exact: boolean): string {
  return exact ? text : printable(text)
}

function tablePrinter(cli: Cli, fields: Fields, cells: readonly (readonly Piece[])[]): Printer {
  const heading = (piece: Piece) =>
    'text' in piece ? piece.text : (fields[piece.field ?? '']?.heading ?? '')
  const cell = (piece: Piece, row: Row) => {
    if ('text' in piece) return piece.text
    const show = piece.field === null ? undefined : fields[piece.field]?.show
    const value = piece.value(row)
    return printable(show === undefined ? valueText(value) : show(value as never, row))
  }
  return rows => {
    const lines = [
      cells.map(pieces => pieces.map(heading).join('')),
      ...rows.map(row => cells.map(pieces => pieces.map(piece => cell(piece, row)).join('')))
    ]
    for (const line of tableLines(lines)) cli.stdout.write(`${line}\n`)
  }
}

function columnCell(field: string): Piece[] {
  return [{ field, value: row => row[field] }]
}

function splitAtTabs(pieces: readonly Piece[]): Piece[][] {
  const cells: Piece[][] = [[]]
  for (const piece of pieces) {
    if (!('text' in piece)) {
      cells.at(-1)?.push(piece)
      continue
    }
    piece.text.split('\t').forEach((text, i) => {
      if (i > 0) cells.push([])
      if (text !== '') cells.at(-1)?.push({ text })
    })
  }
  return cells
}
