import { globSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import ts from 'typescript'
import { expect, test } from 'vitest'

const src = new URL('../../src/', import.meta.url).pathname
const files = globSync('**/*.ts', { cwd: src })

/** Which rooms a room may import; a file that lies in `src` itself is a room of its own. Only `run-daemon` builds things. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  errors: [],
  secret: [],
  tar: ['errors'],
  durable: [],
  'host-paths': ['errors'],
  'private-place': ['errors', 'host-paths'],
  syscalls: [],
  places: [],
  supervised: ['places'],
  'fault-points': [],
  settings: ['errors'],
  config: ['places', 'settings', 'vault'],
  store: ['errors', 'host-paths', 'durable', 'private-place'],
  seal: ['errors', 'host-paths', 'secret', 'durable', 'private-place', 'store'],
  vault: ['errors', 'secret', 'fault-points', 'seal', 'store'],
  engine: [],
  copies: ['errors', 'secret', 'fault-points', 'vault'],
  volumes: ['errors', 'secret', 'fault-points', 'vault', 'store', 'engine', 'copies'],
  http: [
    'errors',
    'host-paths',
    'secret',
    'tar',
    'syscalls',
    'config',
    'vault',
    'store',
    'copies',
    'volumes',
    'engine'
  ],
  cli: ['errors', 'settings', 'tar', 'vault', 'volumes'],
  daemon: ['supervised', 'run-daemon'],
  'run-daemon': [
    'errors',
    'host-paths',
    'private-place',
    'config',
    'syscalls',
    'fault-points',
    'seal',
    'store',
    'vault',
    'copies',
    'volumes',
    'engine',
    'http'
  ]
}

/** What knows a package, as a room or one file of it; `import type` counts like any other import. */
const knownBy: Readonly<Record<string, readonly string[]>> = {
  express: ['http'],
  dockerode: ['engine', 'cli'],
  'libsodium-wrappers-sumo': ['seal/sodium.ts'],
  'node:sqlite': ['store'],
  koffi: ['syscalls.ts', 'cli/peer.ts'],
  'tar-stream': ['http', 'cli'],
  commander: ['cli']
}

/**
 * What the command line shares with the daemon: no more than words, which word was meant, how an archive, a volume's
 * options and the settings are read, and where symlinks lead.
 */
const sharedWithCli = [
  'errors.ts',
  'settings.ts',
  'tar/',
  'vault/links.ts',
  'vault/names.ts',
  'vault/nearest.ts',
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

function roomOf(file: string): string {
  return file.includes('/') ? file.slice(0, file.indexOf('/')) : file.replace(/\.ts$/, '')
}

test('every folder and file of src is a room with a rule', () => {
  expect([...new Set(files.map(roomOf))].sort()).toEqual(Object.keys(mayImport).sort())
})

test.each(Object.entries(mayImport))('%s imports only %j', (room, allowed) => {
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
  expect(knowing.filter(file => !rooms.includes(file) && !rooms.includes(roomOf(file)))).toEqual([])
})

test('the command line shares only errors, names, and the reading of archives, symlinks, options and settings with the daemon', () => {
  const shared = files
    .filter(file => roomOf(file) === 'cli')
    .flatMap(ownImportsOf)
    .filter(imported => imported.endsWith('.ts') && roomOf(imported) !== 'cli')
  const words = shared.map(imported => imported.replace(/^tar\/.*/, 'tar/'))
  expect([...new Set(words)].sort()).toEqual(sharedWithCli)
})

test('no two rooms import each other, not even by way of a third', () => {
  const rooms = Object.keys(mayImport)
  const reached = (room: string, path: readonly string[]): readonly string[] | null => {
    if (path.includes(room)) return [...path, room]
    for (const next of mayImport[room] ?? []) {
      const cycle = reached(next, [...path, room])
      if (cycle !== null) return cycle
    }
    return null
  }
  expect(rooms.map(room => reached(room, [])).filter(cycle => cycle !== null)).toEqual([])
})
