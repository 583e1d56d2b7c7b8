import { execFileSync } from 'node:child_process'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { parseMountId, parseVolumeName } from '../../src/base/names.ts'
import { copyKeyOf, isCopyKey, type CopyKey } from '../../src/copies/copy-key.ts'
import { rootOfCopy, socketPlace } from '../../src/copies/ownership.ts'
import * as wire from '../../src/copies/wire.ts'
import { projectRoot } from '../../rootfs-build/bundle.ts'
import { compile } from '../../rootfs-build/compile.ts'
import { scratchDirectory } from '../kit/temporary.ts'

/* What C and TypeScript both know: C cannot import it, so the compiler is asked what C has. */

const program = join(scratchDirectory(), 'wire')
const [one, two] = ['a'.repeat(32), 'b'.repeat(32)] as [CopyKey, CopyKey]

beforeAll(() => compile(['test/unit/wire.c'], program, ['-std=gnu17']))

const told = (what: string, input?: Buffer): Buffer =>
  execFileSync(program, [what], input === undefined ? {} : { input })
const words = (what: string, input?: Buffer): string[] => told(what, input).toString('latin1').split(' ')

test('both ends of the wire have the same jobs, entries, outcomes, kinds of memory and lengths', () => {
  expect(Object.values(wire.jobs)).toEqual(words('jobs'))
  const kinds = ['directory', 'up', 'file', 'link', 'socket', 'end'] as const
  expect(kinds.map(kind => wire.entryHead(kind).toString('latin1', 0, 1))).toEqual(words('entries'))
  expect(Object.values(wire.outcomes)).toEqual(words('outcomes').map(Number))
  expect(words('memories').map(Number)).toEqual(Object.keys(wire.memories).slice(1).map(Number))
  const key = copyKeyOf(parseVolumeName('db'), parseMountId('one'))
  expect([wire.replyBytes, wire.lookReplyBytes, wire.lookHolderBytes, key.length]).toEqual(
    words('lengths').map(Number)
  )
  expect(isCopyKey(key)).toBe(true)
  const { directory, name } = socketPlace
  expect(told('socket').toString()).toBe(`/${rootOfCopy.name}/${directory}/${name}`)
})

test('the supervisor reads a request, an entry and a look as they were meant', () => {
  const root = { uid: 70_000, gid: 70_001, mode: 0o750 }
  const request = { job: 'make', key: one, isWritable: true, bytes: 2 ** 40, inodes: 9 } as const
  expect(words('request', wire.requestBytes(request))).toEqual(['m', 1, 0, 2 ** 40, 9, one].map(String))
  expect(words('request', wire.requestBytes({ job: 'wipe', key: two, isLast: true })).slice(0, 3)).toEqual([
    'w',
    '0',
    '1'
  ])
  expect(words('entry', wire.entryHead('file', 'name', root, 2 ** 40))).toEqual(
    ['f', 'name', root.mode, root.uid, root.gid, 2 ** 40].map(String)
  )
  const copies = [
    { device: 2 ** 40, key: one },
    { device: 3, key: two }
  ]
  expect(words('look', wire.lookBytes(copies))).toEqual([2, 0, 2 ** 40, one, 3, two].map(String))
  expect(words('look', wire.lookBytes(copies.slice(0, 1), 77))).toEqual([1, 77, 2 ** 40, one].map(String))
})

test('the daemon reads a reply, and the answer to a look, as the supervisor meant them', () => {
  expect(wire.readReply(told('reply'))).toEqual({
    outcome: wire.outcomes.busy,
    memory: wire.memories.indexOf('ramfs'),
    errno: 16,
    device: 2 ** 40,
    pageBytes: 4096,
    step: 'write a file'
  })
  expect(wire.readLookReply(told('look-reply'))).toEqual({ count: 7, isComplete: true })
  expect(wire.readLookHolder(told('holder'))).toEqual({
    device: 2 ** 40,
    key: two,
    pid: 99,
    containerId: 'c'.repeat(64)
  })
})

test('variables, sockets and fault points that C names are those of the TypeScript', () => {
  const text = (file: string): string => readFileSync(join(projectRoot, file), 'utf8')
  const all = (pattern: string): string => globSync(pattern, { cwd: projectRoot }).map(text).join('\n')
  const known = all('src/**/*.ts')
  const inC = all('{supervisor/*.[ch],src/cli/*.c}')
  const named = (pattern: RegExp): string[] => [...inC.matchAll(pattern)].map(([, name = '']) => name)
  const variables = named(/"(SECRETBOX_\w+)/g)
  const sockets = named(/listen_on\("(\w+)"\)/g)
  const points = named(/\breach\("([\w.]+)"\)/g)
  expect([variables.length, sockets.length, points.length].every(count => count > 1)).toBe(true)
  const isKnown = (name: string): boolean => new RegExp(`\\b${name}\\b`).test(known)
  expect(variables.filter(name => !isKnown(name))).toEqual([])
  for (const name of [...sockets, ...points]) expect(known).toContain(`'${name}'`)
})
