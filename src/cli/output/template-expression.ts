import { UsageError } from './failure.ts'
import { counted } from './human.ts'
import { templateFunctions } from './template-functions.ts'

/** What is known of a value before there is one: its fields, or those of each thing in it; `any` where nobody knows. */
export interface Shape {
  readonly fields?: Readonly<Record<string, Shape>> | 'any'
  readonly each?: Readonly<Record<string, Shape>> | 'any'
}

/** What nothing is known of. */
export const anyShape: Shape = { fields: 'any', each: 'any' }

/** What dot and the variables are, as values or, before there are any, as shapes. */
export interface Scope<T> {
  readonly dot: T
  readonly variables: ReadonlyMap<string, T>
}

/** An expression between braces, ready to be worked out. */
export interface Expression {
  /** The field of the row that it is, and nothing else; for a column's heading. */
  readonly field: string | null
  readonly shape: Shape
  readonly value: (scope: Scope<unknown>) => unknown
}

/** A pipeline that is being read: what is left of it, all of it for messages, and what names mean in it. */
interface Reading {
  readonly tokens: string[]
  readonly text: string
  readonly scope: Scope<Shape>
}

const token =
  /\s*("(?:\\.|[^"\\])*"|`[^`]*`|-?\d+(?:\.\d+)?|\$?(?:\.[A-Za-z_]\w*)+|\$\w+(?:\.[A-Za-z_]\w*)*|\)(?:\.[A-Za-z_]\w*)*|[$.]|[A-Za-z_]\w*|[(|])/y

/**
 * Reads a pipeline (`.Files`, `json .`, `index .Files 0 | json`, `not (eq .Type "file")`). Fields are checked against the
 * shapes in scope. Throws `UsageError` that names what there is.
 */
export function parsePipeline(text: string, scope: Scope<Shape>): Expression {
  const reading = { tokens: tokensOf(text, scope), text, scope }
  const expression = readPipeline(reading)
  if (reading.tokens.length > 0) throw notUnderstood(reading)
  return expression
}

function tokensOf(text: string, scope: Scope<Shape>): string[] {
  const tokens: string[] = []
  token.lastIndex = 0
  while (token.lastIndex < text.length) {
    const found = token.exec(text)?.[1]
    if (found === undefined) throw notUnderstood({ tokens, text, scope })
    tokens.push(found)
  }
  return tokens
}

function readPipeline(reading: Reading): Expression {
  let piped = readCommand(reading, null)
  while (reading.tokens[0] === '|') {
    reading.tokens.shift()
    piped = readCommand(reading, piped)
  }
  return piped
}

/** A value alone, or a function and its arguments; `piped` is the last of them. */
function readCommand(reading: Reading, piped: Expression | null): Expression {
  const { tokens } = reading
  const [name = ''] = tokens
  if (!/^[A-Za-z_]/.test(name) || constants.has(name)) {
    const operand = readOperand(reading)
    if (piped !== null || startsOperand(tokens[0])) throw notUnderstood(reading)
    return operand
  }
  tokens.shift()
  const args: Expression[] = []
  while (startsOperand(tokens[0])) args.push(readOperand(reading))
  if (piped !== null) args.push(piped)
  return callOf(name, args, reading.scope)
}

function callOf(name: string, args: readonly Expression[], scope: Scope<Shape>): Expression {
  const called = Object.hasOwn(templateFunctions, name) ? templateFunctions[name] : undefined
  if (called === undefined)
    throw new UsageError(`bad format: there is no function ${JSON.stringify(name)}`, knownIn(scope.dot))
  const { least, most, call } = called
  if (args.length < least || args.length > most) {
    const wanted = least === most ? counted(least, 'argument') : `${least} or more arguments`
    throw new UsageError(`bad format: ${name} takes ${wanted}, not ${args.length}`)
  }
  const [first] = args
  const shape: Shape = name === 'index' ? { fields: first?.shape.each ?? 'any', each: 'any' } : anyShape
  return { field: null, shape, value: values => call(...args.map(arg => arg.value(values))) }
}

function startsOperand(next: string | undefined): boolean {
  return next !== undefined && next !== '|' && !next.startsWith(')')
}

const constants: ReadonlyMap<string, unknown> = new Map<string, unknown>([
  ['true', true],
  ['false', false],
  ['nil', null]
])

function readOperand(reading: Reading): Expression {
  const { tokens, scope } = reading
  const next = tokens.shift() ?? ''
  if (next === '(') {
    const inner = readPipeline(reading)
    const close = tokens.shift()
    if (close === undefined) throw new UsageError('bad format: a "(" has no ")"')
    if (!close.startsWith(')')) throw notUnderstood(reading)
    return fieldsOf({ ...inner, field: null }, close.split('.').slice(1), close.slice(1))
  }
  if (next === '.') return { field: null, shape: scope.dot, value: ({ dot }) => dot }
  if (next.startsWith('.')) {
    const [, ...names] = next.split('.')
    const field = names.length === 1 ? (names[0] ?? null) : null
    return { ...fieldsOf({ field, shape: scope.dot, value: ({ dot }) => dot }, names, next), field }
  }
  if (next.startsWith('$')) {
    const [name = '', ...names] = next.split('.')
    return fieldsOf(variableOf(name, scope), names, next)
  }
  if (/^["`]/.test(next)) return constant(textOf(next))
  if (/^-?\d/.test(next)) return constant(Number(next))
  if (constants.has(next)) return constant(constants.get(next))
  throw notUnderstood(reading)
}

function constant(value: unknown): Expression {
  return { field: null, shape: {}, value: () => value }
}

const escapes: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r' }

function textOf(literal: string): string {
  const inner = literal.slice(1, -1)
  return literal.startsWith('`') ? inner : inner.replace(/\\(.)/gs, (_, c: string) => escapes[c] ?? c)
}

function variableOf(name: string, { variables }: Scope<Shape>): Expression {
  const shape = variables.get(name)
  if (shape === undefined)
    throw new UsageError(
      `bad format: there is no variable ${JSON.stringify(name)}`,
      `known variables: ${[...variables.keys()].join(' ')}`
    )
  return { field: null, shape, value: ({ variables }) => variables.get(name) }
}

/** What lies in a value below the names; `text` is how it was written. */
function fieldsOf(of: Expression, names: readonly string[], text: string): Expression {
  const shape = names.reduce((within, name) => {
    if (within.fields === 'any') return anyShape
    const found = Object.hasOwn(within.fields ?? {}, name) ? within.fields?.[name] : undefined
    if (found === undefined)
      throw new UsageError(`bad format: there is no field ${JSON.stringify(text)}`, knownIn(within))
    return found
  }, of.shape)
  return { field: null, shape, value: values => names.reduce(valueAt, of.value(values)) }
}

function valueAt(value: unknown, key: string): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined
  return (value as Readonly<Record<string, unknown>>)[key]
}

/** What can be written where dot is of this shape, for hints. */
export function knownIn({ fields }: Shape): string {
  const names = fields === undefined || fields === 'any' ? [] : Object.keys(fields)
  const known = names.length === 0 ? [] : [`known fields: ${names.map(name => `.${name}`).join(' ')}`]
  return [...known, `functions: ${Object.keys(templateFunctions).join(' ')}`].join('; ')
}

function notUnderstood({ text, scope }: Reading): UsageError {
  return new UsageError(`bad format: ${JSON.stringify(`{{${text}}}`)} is not understood`, knownIn(scope.dot))
}
