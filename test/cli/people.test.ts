import { spawn } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { rights, type Right } from '../../src/base/rights.ts'
import { atTerminal } from '../kit/terminal.ts'
import { useCli } from '../kit/use-cli.ts'

/*
 * The program as people run it who are not root, each with one right alone: it finds the socket that is for all by what the
 * Engine says, and asks for no more than what it is to do takes.
 */

const { run, daemon, program } = useCli()
const stranger = 62_000
const uidOf = (right: Right): number => stranger + 1 + rights.indexOf(right)
let files: string
let engine: Server

interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs the program as a user, with nothing in its environment but where the Engine is. */
async function runAs(uid: number, args: readonly string[], input = ''): Promise<Ended> {
  const child = spawn('setpriv', [`--reuid=${uid}`, `--regid=${uid}`, '--clear-groups', program, ...args], {
    cwd: files,
    env: { PATH: process.env['PATH'], DOCKER_HOST: `unix://${join(files, 'engine.sock')}` }
  })
  child.stdin.on('error', () => undefined)
  child.stdin.end(input)
  const [stdout, stderr, code] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    new Promise<number | null>(resolve => child.once('close', resolve))
  ])
  return { code, stdout, stderr }
}

beforeAll(async () => {
  files = mkdtempSync(join(tmpdir(), 'people-'))
  chmodSync(files, 0o755)
  const plugin = { Enabled: true, Settings: { Mounts: [{ Name: 'data', Source: daemon().directory }] } }
  engine = createServer((_, response) => response.end(JSON.stringify(plugin)))
  await new Promise<void>(resolve => engine.listen(join(files, 'engine.sock'), resolve))
  chmodSync(join(files, 'engine.sock'), 0o666)
  writeFileSync(join(files, 'own'), 'own')
  mkdirSync(join(files, 'tree'))
  writeFileSync(join(files, 'tree', 'leaf'), 'leaf')
  await run(['create', 'db'])
  await run(['create', 'pg', '--type', 'postgres'])
  await run(['put', 'db:f'], { input: 'contents' })
  for (const right of rights)
    for (const box of ['db', 'pg']) await run(['grant', box, `user:${uidOf(right)}`, right])
})

afterAll(async () => {
  await new Promise(resolve => engine.close(resolve))
  rmSync(files, { recursive: true })
})

test.each<[Right, readonly string[], string?]>([
  ['info', ['list', 'db']],
  ['info', ['inspect', 'db']],
  ['info', ['versions', 'db']],
  ['info', ['fields', 'pg']],
  ['use', ['can', `user:${uidOf('use')}`, 'use', 'db']],
  ['write', ['set', 'pg', 'password'], 'pw'],
  ['write', ['set', '--generate', 'pg', 'password']],
  ['write', ['add', 'db', 'own']],
  ['write', ['add', 'db:below', 'own']],
  ['write', ['cp', 'own', 'db:']],
  ['write', ['cp', 'own', 'db:copied']],
  ['write', ['cp', 'tree/.', 'db:tree']],
  ['write', ['cp', 'tree', 'db:below/']],
  ['write', ['put', 'db:put'], 'x'],
  ['write', ['put', '--create', 'db:put'], 'x'],
  ['write', ['remove', 'db:put']],
  ['write', ['rollback', 'db', '2']],
  ['manage', ['grants', 'db']],
  ['manage', ['can', 'user:1', 'info', 'pg']],
  ['manage', ['audit', '--box', 'db']],
  ['manage', ['grant', 'db', 'user:1', 'info']],
  ['manage', ['revoke', 'db', 'user:1']],
  ['reveal', ['read', 'db:f']]
])('%s alone is enough for %j', async (right, args, input) => {
  const { code, stderr } = await runAs(uidOf(right), args, input)
  // A no is an answer.
  expect([stderr, code]).toEqual([expect.not.stringContaining('error:'), args[2] === 'info' ? 1 : 0])
})

test.each<[Right | null, readonly string[], code: number, message: string]>([
  [
    null,
    ['list'],
    1,
    `uid ${stranger} may not box.list\nhint: ask as root, or for a grant of the right "info"`
  ],
  [null, ['can', `user:${stranger}`, 'info', 'db'], 3, `uid ${stranger} may not grant.ask`],
  ['info', ['put', 'db:x'], 1, 'may not box.change\nhint: ask as root, or for a grant of the right "write"'],
  [
    'write',
    ['read', 'db:f'],
    1,
    'may not box.reveal\nhint: ask as root, or for a grant of the right "reveal"'
  ],
  ['write', ['list', 'db'], 1, 'may not box.inspect'],
  ['write', ['put', '--create', 'none:x'], 1, 'may not box.change'],
  ['reveal', ['grants', 'db'], 1, 'may not grant.list'],
  [
    'write',
    ['set', '--value', 'db.example', 'pg', 'host'],
    1,
    'cannot tell whether "host" is a secret: you may not look at box "pg"\nhint: pipe it in'
  ],
  [
    'write',
    ['cp', 'tree', 'db:tree'],
    1,
    'cannot copy "tree" to "db:tree": you may not look whether that is a directory\n' +
      'hint: write "db:tree/" to copy it into that, or "tree/." to copy what is in it there'
  ],
  [
    'manage',
    ['grant', 'db', 'user:1', 'reveal'],
    1,
    'may not grant.add\nhint: ask as root, or for a grant of the rights "manage" and "reveal"'
  ]
])('%s is not enough for %j', async (right, args, code, message) => {
  const ended = await runAs(right === null ? stranger : uidOf(right), args, 'x')
  expect([ended.code, ended.stderr]).toEqual([code, expect.stringContaining(message)])
})

test('at a terminal, who may write alone is asked all the same', async () => {
  const uid = uidOf('write')
  const as = `setpriv --reuid=${uid} --regid=${uid} --clear-groups`
  const terminal = atTerminal(`${as} ${program} put db:typed`, {
    SECRETBOX_SOCKET: daemon().publicSocket
  })
  await terminal.type('(not shown): ', 'typed\r')
  await terminal.type('again: ', 'typed\r')
  expect((await terminal.ended).code).toBe(0)
  expect((await run(['read', 'db:typed'])).stdout).toBe('typed')
})

test('anybody is told the public keys', async () => {
  expect(await runAs(stranger, ['identity'])).toEqual({ code: 0, ...(await shown(['identity'])) })
})

async function shown(args: readonly string[]): Promise<Pick<Ended, 'stdout' | 'stderr'>> {
  const { stdout, stderr } = await run(args)
  return { stdout, stderr }
}
