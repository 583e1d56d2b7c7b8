import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'
import { expect, test } from 'vitest'

const root = new URL('../../', import.meta.url).pathname
const sources = globSync('{src,install,rootfs-build}/**/*.ts', { cwd: root }).map(file =>
  ts.createSourceFile(file, readFileSync(join(root, file), 'utf8'), ts.ScriptTarget.Latest, true)
)

/** The files in which each thing occurs, of those that occur in several. */
function inSeveral(thingsOf: (source: ts.SourceFile) => Iterable<string>): Map<string, string[]> {
  const found = new Map<string, string[]>()
  for (const source of sources)
    for (const thing of new Set(thingsOf(source)))
      found.set(thing, [...(found.get(thing) ?? []), source.fileName])
  return new Map([...found].filter(([, files]) => files.length > 1))
}

/** As long as a message, a path or a setting that somebody may want to change. */
const leastLength = 20

/** Words of others: docker's options, which its commands share. */
const ofOthers = ['disable-content-trust']

function* textsIn(node: ts.Node): Generator<string> {
  if (ts.isImportDeclaration(node) || ts.isLiteralTypeNode(node)) return
  const isText =
    ts.isStringLiteralLike(node) ||
    ts.isTemplateHead(node) ||
    ts.isTemplateMiddle(node) ||
    ts.isTemplateTail(node)
  if (isText && node.text.length >= leastLength) yield node.text
  for (const child of node.getChildren()) yield* textsIn(child)
}

test('no message, path or setting is written in two files: it has one place, and is imported', () => {
  const texts = inSeveral(textsIn)
  for (const text of ofOthers) expect(texts.delete(text)).toBe(true)
  expect([...texts]).toEqual([])
})

function* exportsOf(source: ts.SourceFile): Generator<string> {
  for (const statement of source.statements) {
    const isExported =
      ts.canHaveModifiers(statement) &&
      ts.getModifiers(statement)?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword)
    if (isExported !== true) continue
    if (ts.isVariableStatement(statement)) {
      for (const { name } of statement.declarationList.declarations)
        if (ts.isIdentifier(name)) yield name.text
    } else if ('name' in statement) yield (statement.name as ts.Identifier).text
  }
}

/** What the daemon holds and `api` says: the same thing, there as it is kept and here as JSON. */
const onTheWire = [
  ...[
    'Action',
    'AuditEntry',
    'AuditLine',
    'BoxSummary',
    'EntryType',
    'Finding',
    'Grant',
    'Pruned',
    'Reconciled'
  ],
  ...['Injected', 'PublicIdentity', 'ToInject', 'Unused']
]

test('no two files export the same name: one word has one meaning', () => {
  const names = inSeveral(exportsOf)
  for (const name of onTheWire) {
    expect([name, names.get(name)?.filter(file => file.startsWith('src/api/')).length]).toEqual([name, 1])
    expect([name, names.get(name)?.length]).toEqual([name, 2])
    names.delete(name)
  }
  expect([...names]).toEqual([])
})

/** What makes bytes that V8 keeps in its heap if they are few, and copies there: calls without `new`, and with it. */
function isOfHeap(node: ts.Node): boolean {
  if (ts.isPropertyAccessExpression(node))
    return /^(Buffer\.(alloc|allocUnsafe|allocUnsafeSlow|copyBytesFrom)|Uint8Array\.(from|of))$/.test(
      node.getText()
    )
  if (!ts.isNewExpression(node) && !ts.isCallExpression(node)) return false
  return node.expression.getText() === 'Uint8Array' && node.arguments?.length === 1
}

test('bytes are made by newBytes alone: V8 keeps short ones of its own in its heap, and copies them there', () => {
  const places = (node: ts.Node, source: ts.SourceFile): string[] => [
    ...(isOfHeap(node) ? [`${source.fileName}: ${node.getText()}`] : []),
    ...node.getChildren(source).flatMap(child => places(child, source))
  ]
  const ofDaemonAndCli = sources.filter(({ fileName }) => fileName.startsWith('src/'))
  const found = ofDaemonAndCli.flatMap(source => places(source, source))
  expect(found.length).toBeGreaterThan(0)
  expect(found.filter(place => !place.startsWith('src/base/secret.ts: '))).toEqual([])
})

test('an exception from a rule of lint says why', () => {
  const files = globSync('{src,install,rootfs-build,test}/**/*.ts', { cwd: root })
  const exceptions = files.flatMap(file =>
    [...readFileSync(join(root, file), 'utf8').matchAll(/^.*\/[/*] oxlint-disable.*$/gm)].map(
      ([line]) => `${file}: ${line.trim()}`
    )
  )
  expect(exceptions.length).toBeGreaterThan(0)
  expect(exceptions.filter(line => !/ -- \S+ \S+/.test(line))).toEqual([])
})
