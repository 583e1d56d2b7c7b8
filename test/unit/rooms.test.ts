import { globSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import ts from 'typescript'
import { expect, test } from 'vitest'

const src = new URL('../../src/', import.meta.url).pathname
const files = globSync('**/*.ts', { cwd: src })

const readme = (room: string): string => readFileSync(join(src, room, 'README.md'), 'utf8')

function roomOf(file: string): string {
  return file.includes('/') ? dirname(file) : file.replace(/\.ts$/, '')
}

function isWithin(file: string, room: string): boolean {
  return file.startsWith(`${room}/`)
}

function codesIn(text: string): string[] {
  return [...text.matchAll(/`([^`]+)`/g)].map(([, code = '']) => code)
}

const rooms = [...new Set(files.map(roomOf))].sort()

/** Which rooms a room may import, as its README says; a file that lies in `src` itself is a room of its own. */
const mayImport = new Map<string, readonly string[]>(
  rooms.map(room => {
    const text = files.includes(`${room}.ts`)
      ? (readme('').split(`\n- \`${room}\`: `)[1] ?? '').split('\n')[0]
      : readme(room)
    const [, allowed] = /\*\*may import:\*\*([^]*?)(?:\n\n|$)/i.exec(text ?? '') ?? []
    if (allowed === undefined) throw new Error(`no README says what ${room} may import`)
    return [room, codesIn(allowed)]
  })
)

/** What knows a package, as a room or one file of it; `import type` counts like any other import. */
const knownBy: Readonly<Record<string, readonly string[]>> = {
  express: ['http'],
  dockerode: ['engine'],
  'libsodium-wrappers-sumo': ['crypto/sodium.ts'],
  'node:sqlite': ['store'],
  jose: ['vault/identity'],
  koffi: [
    'base/passed-descriptor.ts',
    'base/peer-credentials.ts',
    'base/syscall-error.ts',
    'base/syscalls.ts',
    'cli/client/peer.ts'
  ],
  'tar-stream': ['http', 'cli'],
  commander: ['cli'],
  yaml: ['cli/compose'],
  zod: [
    'api',
    'http',
    'cli/client',
    'cli/inject',
    'crypto/keyslots',
    'vault/audit/journal.ts',
    'vault/grants/records.ts',
    'vault/credentials/form.ts',
    'volumes/records.ts'
  ]
}

/**
 * What the command line shares with the daemon: no more than words, what the API is asked and answers, which word was meant, how an archive, a volume's
 * options, a grant's subject and boxes, and the settings are read, and where symlinks lead.
 */
const sharedWithCli = [
  'api/',
  'base/actions.ts',
  'base/bytes.ts',
  'base/compose-labels.ts',
  'base/default-paths.ts',
  'base/errors.ts',
  'base/messages.ts',
  'base/names.ts',
  'base/nearest.ts',
  'base/own-labels.ts',
  'base/peer-credentials.ts',
  'base/rights.ts',
  'base/secret-kinds.ts',
  'base/secret.ts',
  'base/shell-word.ts',
  'base/variables.ts',
  'settings.ts',
  'tar/',
  'vault/access/box-pattern.ts',
  'vault/access/image-reference.ts',
  'vault/access/subjects.ts',
  'vault/boxes/links.ts',
  'volumes/options.ts'
]

function importsOf(file: string): string[] {
  return ts
    .preProcessFile(readFileSync(join(src, file), 'utf8'))
    .importedFiles.map(({ fileName }) => fileName)
}

/** The files of ours that a file imports, relative to `src`. */
function ownImportsOf(file: string): string[] {
  return importsOf(file)
    .filter(name => name.startsWith('.'))
    .map(name => normalize(join(dirname(file), name)))
}

test('every room that a README names is there', () => {
  expect([...mayImport.values()].flat().filter(room => !rooms.includes(room))).toEqual([])
})

test('each room says what it is for, what it promises and what it never does', () => {
  const folders = rooms.filter(room => !files.includes(`${room}.ts`))
  for (const room of folders)
    expect(readme(room)).toMatch(
      /^# \S+\n\n.+\n\n- \*\*Promises:\*\* .+\n- \*\*Never:\*\* .+\n- \*\*May import/s
    )
})

test.each([...mayImport])('%s imports only %j', (room, allowed) => {
  const forbidden = files
    .filter(file => roomOf(file) === room)
    .flatMap(file => ownImportsOf(file).map(imported => `${file} imports ${imported}`))
    .filter(line => {
      const imported = line.slice(line.lastIndexOf(' ') + 1)
      return imported.endsWith('.ts') && roomOf(imported) !== room && !allowed.includes(roomOf(imported))
    })
  expect(forbidden).toEqual([])
})

test.each(Object.entries(knownBy))('only the right rooms know %s: %j', (name, rooms) => {
  const knowing = files.filter(file => importsOf(file).some(imported => imported.split('/')[0] === name))
  expect(knowing.length).toBeGreaterThan(0)
  expect(knowing.filter(file => !rooms.includes(file) && !rooms.some(room => isWithin(file, room)))).toEqual(
    []
  )
})

test('the command line shares only errors, names, bytes, the API, and the reading of archives, symlinks, options and settings with the daemon', () => {
  const shared = files
    .filter(file => isWithin(file, 'cli'))
    .flatMap(ownImportsOf)
    .filter(imported => imported.endsWith('.ts') && !isWithin(imported, 'cli'))
  const words = shared.map(imported => imported.replace(/^(api|tar)\/.*/, '$1/'))
  expect([...new Set(words)].sort()).toEqual(sharedWithCli)
})

test('the command line, which starts for every completion, has no more of zod than zod/mini', () => {
  const knowing = files.filter(file => isWithin(file, 'cli') || isWithin(file, 'api'))
  expect(knowing.filter(file => importsOf(file).includes('zod'))).toEqual([])
})

test('no two rooms import each other, not even by way of a third', () => {
  const reached = (room: string, path: readonly string[]): readonly string[] | null => {
    if (path.includes(room)) return [...path, room]
    for (const next of mayImport.get(room) ?? []) {
      const cycle = reached(next, [...path, room])
      if (cycle !== null) return cycle
    }
    return null
  }
  expect(rooms.map(room => reached(room, [])).filter(cycle => cycle !== null)).toEqual([])
})
