import { UsageError } from './failure.ts'
import {
  anyShape,
  knownIn,
  parsePipeline,
  type Expression,
  type Scope,
  type Shape
} from './template-expression.ts'
import { isTrue } from './template-functions.ts'

export { valueText } from './template-functions.ts'

/** What one output line is made of, by field name. */
export type Row = Readonly<Record<string, unknown>>

/** Writes a value of a row; `field` is the row's field that it is, or null for anything else. */
export type Show = (value: unknown, field: string | null, row: Row) => string

/** A template that was read. */
export interface Template {
  /** Whether any field of a row is in it; every line is the same otherwise. */
  readonly showsFields: boolean
  render(row: Row, show: Show): string
  /** The line above a table of it: text as it stands, and for a field alone what `heading` says. */
  headings(heading: (field: string) => string): string
}

type Node =
  | { readonly text: string }
  | { readonly shown: Expression }
  | {
      readonly kind: 'if' | 'with' | 'range'
      readonly of: Expression
      /** The variables of `$i, $each :=`. */
      readonly names: readonly string[]
      readonly body: readonly Node[]
      readonly otherwise: readonly Node[]
    }

/** A stretch of text, or what stands between two pairs of braces. */
type Piece = { readonly text: string } | { readonly action: string }

/**
 * Reads a template in the Go syntax that docker's `--format` has (Go, text/template): fields, pipes, the functions of
 * template-functions.ts, `if`, `else`, `with`, `range`, variables of these, comments, `{{-` and `-}}`; `\t` and `\n`
 * stand for tab and new line. `fields` is what rows have. Throws `UsageError`, which names what is known, for
 * anything else.
 */
export function parseTemplate(template: string, fields: Readonly<Record<string, Shape>>): Template {
  const pieces = piecesOf(template)
  const root: Shape = { fields }
  const nodes = readNodes(pieces, { dot: root, variables: new Map([['$', root]]) }, null).nodes
  return {
    showsFields: nodes.some(node => !('text' in node)),
    render: (row, show) => renderAll(nodes, { dot: row, variables: new Map([['$', row]]) }, show, row),
    headings: heading =>
      nodes
        .map(node => {
          if ('text' in node) return node.text
          return 'shown' in node && node.shown.field !== null ? heading(node.shown.field) : ''
        })
        .join('')
  }
}

function piecesOf(template: string): Piece[] {
  const text = template.replaceAll('\\t', '\t').replaceAll('\\n', '\n')
  const action = /\{\{(-\s)?((?:"(?:\\.|[^"\\])*"|`[^`]*`|[^"`])*?)(\s-)?\}\}/gs
  const pieces: Piece[] = []
  let end = 0
  let trim = false
  const addText = (piece: string, trimEnd: boolean): void => {
    if (piece.includes('{{'))
      throw new UsageError(`bad format ${JSON.stringify(template)}: a "{{" has no "}}"`)
    const started = trim ? piece.trimStart() : piece
    const trimmed = trimEnd ? started.trimEnd() : started
    if (trimmed !== '') pieces.push({ text: trimmed })
  }
  for (const match of text.matchAll(action)) {
    addText(text.slice(end, match.index), match[1] !== undefined)
    const said = (match[2] ?? '').trim()
    if (!/^\/\*.*\*\/$/s.test(said)) pieces.push({ action: said })
    trim = match[3] !== undefined
    end = match.index + match[0].length
  }
  addText(text.slice(end), false)
  return pieces
}

const blocks = ['if', 'range', 'with'] as const
const notTaken = ['block', 'break', 'continue', 'define', 'template']

/** Takes pieces up to the `end` or `else` of `block`, or all of them when that is null; `rest` is what follows `else`. */
function readNodes(
  pieces: Piece[],
  scope: Scope<Shape>,
  block: string | null
): { nodes: Node[]; rest: string | null } {
  const nodes: Node[] = []
  for (let piece = pieces.shift(); piece !== undefined; piece = pieces.shift()) {
    if ('text' in piece) {
      nodes.push(piece)
      continue
    }
    const [, word = '', rest = ''] = /^([a-z]+)?\s*(.*)$/s.exec(piece.action) ?? []
    const kind = blocks.find(each => each === word)
    if (kind !== undefined) nodes.push(readBlock(kind, rest, pieces, scope))
    else if (word === 'end' || word === 'else') {
      if (block === null) throw new UsageError(`bad format: "{{${word}}}" ends nothing`)
      return { nodes, rest: word === 'else' ? rest : null }
    } else if (notTaken.includes(word))
      throw new UsageError(
        `bad format: ${JSON.stringify(`{{${word}}}`)} is not supported`,
        knownIn(scope.dot)
      )
    else nodes.push({ shown: parsePipeline(piece.action, scope) })
  }
  if (block !== null) throw new UsageError(`bad format: "{{${block}}}" has no "{{end}}"`)
  return { nodes, rest: null }
}

function readBlock(kind: (typeof blocks)[number], said: string, pieces: Piece[], scope: Scope<Shape>): Node {
  const [, declared = '', pipeline = ''] = /^(\$\w+(?:\s*,\s*\$\w+)?\s*:=)?(.*)$/s.exec(said) ?? []
  const names = declared.match(/\$\w+/g) ?? []
  const of = parsePipeline(pipeline, scope)
  const inner: Shape = kind === 'range' ? { fields: of.shape.each ?? 'any', each: 'any' } : of.shape
  const shapes = names.map((name, i) => [name, i < names.length - 1 ? anyShape : inner] as const)
  const within = {
    dot: kind === 'if' ? scope.dot : inner,
    variables: new Map([...scope.variables, ...shapes])
  }
  const { nodes: body, rest } = readNodes(pieces, within, kind)
  return { kind, of, names, body, otherwise: rest === null ? [] : readElse(kind, rest, pieces, scope) }
}

function readElse(block: string, rest: string, pieces: Piece[], scope: Scope<Shape>): readonly Node[] {
  const [, next, said = ''] = /^(if|with)\s+(.*)$/s.exec(rest) ?? []
  if (next === 'if' || next === 'with') return [readBlock(next, said, pieces, scope)]
  if (rest !== '') throw new UsageError(`bad format: ${JSON.stringify(`{{else ${rest}}}`)} is not understood`)
  const { nodes, rest: again } = readNodes(pieces, scope, block)
  if (again !== null) throw new UsageError(`bad format: "{{${block}}}" has two "{{else}}"`)
  return nodes
}

function renderAll(nodes: readonly Node[], scope: Scope<unknown>, show: Show, row: Row): string {
  return nodes.map(node => render(node, scope, show, row)).join('')
}

function render(node: Node, scope: Scope<unknown>, show: Show, row: Row): string {
  if ('text' in node) return node.text
  if ('shown' in node) return show(node.shown.value(scope), scope.dot === row ? node.shown.field : null, row)
  const value = node.of.value(scope)
  const within = (dot: unknown, key: unknown): string => {
    const given = node.names.length > 1 ? [key, dot] : [dot]
    const variables = new Map(scope.variables)
    node.names.forEach((name, i) => variables.set(name, given[i]))
    return renderAll(node.body, { dot: node.kind === 'if' ? scope.dot : dot, variables }, show, row)
  }
  if (!isTrue(value)) return renderAll(node.otherwise, scope, show, row)
  if (node.kind !== 'range') return within(value, null)
  if (typeof value !== 'object')
    throw new UsageError(`bad format: range takes a list, not ${JSON.stringify(value)}`)
  const entries = Array.isArray(value) ? [...value.entries()] : byKey(Object.entries(value as object))
  return entries.map(([key, each]) => within(each, key)).join('')
}

/** As text/template goes through a map: by key. */
function byKey<T>(entries: readonly [string, T][]): readonly [string, T][] {
  return [...entries].sort(([one], [other]) => (one < other ? -1 : 1))
}
