import { UsageError } from './failure.ts'

/** What one output line is made of, by field name. */
export type Row = Readonly<Record<string, unknown>>

/** One piece of a template: text as it stands, or a value to be worked out from a row. */
export type Piece =
  { readonly text: string } | { readonly field: string | null; readonly value: (row: Row) => unknown }

const functions: Readonly<Record<string, (value: unknown) => unknown>> = {
  json: value => JSON.stringify(value),
  upper: value => valueText(value).toUpperCase(),
  lower: value => valueText(value).toLowerCase()
}

/** A value as a template prints it: text and numbers bare, everything else as JSON. */
export function valueText(value: unknown): string {
  if (value === undefined || value === null) return ''
  return typeof value === 'string' ? value : JSON.stringify(value)
}

/**
 * Reads a template in the Go syntax that docker's `--format` has: `{{.Field}}`, `{{json .Field}}`,
 * `{{.Field | upper}}`, `{{json .}}`; `\t` and `\n` stand for tab and new line. Throws `UsageError`, which names
 * the known fields, for anything else.
 */
export function parseTemplate(template: string, fields: readonly string[]): Piece[] {
  const pieces: Piece[] = []
  const text = template.replaceAll('\\t', '\t').replaceAll('\\n', '\n')
  const action = /\{\{(.*?)\}\}/gs
  let end = 0
  for (const match of text.matchAll(action)) {
    addText(pieces, text.slice(end, match.index), template)
    pieces.push(parseAction((match[1] ?? '').trim(), fields))
    end = match.index + match[0].length
  }
  addText(pieces, text.slice(end), template)
  return pieces
}

function addText(pieces: Piece[], text: string, template: string): void {
  if (text.includes('{{')) throw new UsageError(`bad format ${JSON.stringify(template)}: a "{{" has no "}}"`)
  if (text !== '') pieces.push({ text })
}

function parseAction(action: string, fields: readonly string[]): Piece {
  const [first = '', ...rest] = action.split('|').map(part => part.trim())
  const call = /^([a-z]+)\s+(\..*)$/.exec(first)
  const operand = call?.[2] ?? first
  const applied = [...(call?.[1] === undefined ? [] : [call[1]]), ...rest]

  const known = `known fields: ${fields.map(field => `.${field}`).join(' ')}; functions: ${Object.keys(functions).join(' ')}`
  if (!/^\.([A-Za-z]+(\.[A-Za-z]+)*)?$/.test(operand)) {
    throw new UsageError(`bad format: ${JSON.stringify(`{{${action}}}`)} is not understood`, known)
  }
  const path = operand === '.' ? [] : operand.slice(1).split('.')
  if (path[0] !== undefined && !fields.includes(path[0])) {
    throw new UsageError(`bad format: there is no field ${JSON.stringify(operand)}`, known)
  }
  const steps = applied.map(name => {
    const step = functions[name]
    if (step === undefined)
      throw new UsageError(`bad format: there is no function ${JSON.stringify(name)}`, known)
    return step
  })
  return {
    field: path.length === 1 && steps.length === 0 ? (path[0] ?? null) : null,
    value: row => steps.reduce((value, step) => step(value), path.reduce<unknown>(valueAt, row))
  }
}

function valueAt(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Row)[key] : undefined
}
