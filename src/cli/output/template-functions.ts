import { UsageError } from './failure.ts'
import { widthOf } from './table.ts'

/** A value as a template prints it: text and numbers bare, everything else as JSON. */
export function valueText(value: unknown): string {
  if (value === undefined || value === null) return ''
  return typeof value === 'string' ? value : JSON.stringify(value)
}

/** What counts as true (Go, text/template): neither false, nor 0, nor empty, nor missing. */
export function isTrue(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0
  if (typeof value === 'object' && value !== null) return Object.keys(value).length > 0
  return Boolean(value)
}

/** A function of templates, and how many arguments it takes. */
export interface TemplateFunction {
  readonly least: number
  readonly most: number
  readonly call: (...args: readonly unknown[]) => unknown
}

/**
 * The functions that templates have, with docker's names and arguments (docker/cli, templates/templates.go) and
 * those of Go's text/template that need no types of Go's. Wrong arguments throw `UsageError`.
 */
export const templateFunctions: Readonly<Record<string, TemplateFunction>> = {
  json: taking(1, value => JSON.stringify(value ?? null)),
  join: taking(2, (list, between) => listIn('join', list).map(valueText).join(valueText(between))),
  split: taking(2, (value, at) => valueText(value).split(valueText(at))),
  lower: taking(1, value => valueText(value).toLowerCase()),
  upper: taking(1, value => valueText(value).toUpperCase()),
  title: taking(1, value =>
    valueText(value).replace(/(?<![\p{L}\p{N}'])\p{L}/gu, first => first.toUpperCase())
  ),
  pad: taking(3, (value, before, after) =>
    value === ''
      ? ''
      : ' '.repeat(countIn('pad', before)) + valueText(value) + ' '.repeat(countIn('pad', after))
  ),
  truncate: taking(2, (value, length) =>
    Array.from(valueText(value)).slice(0, countIn('truncate', length)).join('')
  ),
  len: taking(1, value => {
    if (typeof value === 'string') return Buffer.byteLength(value)
    if (Array.isArray(value)) return value.length
    if (typeof value === 'object' && value !== null) return Object.keys(value).length
    if (value === undefined) return 0
    throw wrongArgument('len', 'a list or text', value)
  }),
  index: { least: 1, most: 9, call: (value, ...keys) => keys.reduce(elementAt, value) },
  eq: {
    least: 2,
    most: 9,
    call: (value, ...others) => others.some(other => valueText(value) === valueText(other))
  },
  ne: taking(2, (a, b) => valueText(a) !== valueText(b)),
  lt: taking(2, (a, b) => compare(a, b) < 0),
  le: taking(2, (a, b) => compare(a, b) <= 0),
  gt: taking(2, (a, b) => compare(a, b) > 0),
  ge: taking(2, (a, b) => compare(a, b) >= 0),
  and: { least: 1, most: 9, call: (...args) => args.find(arg => !isTrue(arg)) ?? args.at(-1) },
  or: { least: 1, most: 9, call: (...args) => args.find(isTrue) ?? args.at(-1) },
  not: taking(1, value => !isTrue(value))
}

function taking(count: number, call: TemplateFunction['call']): TemplateFunction {
  return { least: count, most: count, call }
}

function elementAt(value: unknown, key: unknown): unknown {
  if (typeof value !== 'object' || value === null) throw wrongArgument('index', 'a list', value)
  if (!Array.isArray(value)) return (value as Readonly<Record<string, unknown>>)[valueText(key)]
  const at = countIn('index', key)
  if (at >= value.length)
    throw new UsageError(`bad format: index ${at} is too large for a list of ${value.length}, counted from 0`)
  return value[at] as unknown
}

function compare(a: unknown, b: unknown): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b
  const [left, right] = [valueText(a), valueText(b)]
  return left < right ? -1 : left > right ? 1 : 0
}

function listIn(name: string, value: unknown): readonly unknown[] {
  if (value === undefined || value === null) return []
  if (!Array.isArray(value)) throw wrongArgument(name, 'a list', value)
  return value
}

const mostCharacters = 10_000

function countIn(name: string, value: unknown): number {
  if (!Number.isInteger(value) || Number(value) < 0 || Number(value) > mostCharacters)
    throw wrongArgument(name, 'a whole number from 0 on', value)
  return Number(value)
}

function wrongArgument(name: string, wanted: string, value: unknown): UsageError {
  const text = value === undefined ? 'nothing' : JSON.stringify(value)
  return new UsageError(`bad format: ${name} takes ${wanted}, not ${widthOf(text) > 60 ? 'that' : text}`)
}
