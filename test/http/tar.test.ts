import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  lstatSync,
  linkSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync
} from 'node:fs'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { pack } from 'tar-stream'
import { buffer } from 'node:stream/consumers'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { startDaemon, type Daemon } from '../daemon-process.ts'
import { temporaryDirectory } from '../temporary.ts'
import { ask, type Answer } from './ask.ts'

let daemon: Daemon
let boxes = 0
let box: string
beforeAll(async () => {
  daemon = await startDaemon()
})
afterAll(() => daemon.stop())
beforeEach(async () => {
  box = `/vault/box${++boxes}/`
  await ask(daemon.adminSocket, { method: 'PUT', url: box })
})

const type = 'application/x-tar'

async function putTree(archive: Buffer): Promise<Record<string, unknown>> {
  const answer = await ask(daemon.adminSocket, {
    method: 'PUT',
    url: box,
    headers: { 'Content-Type': type },
    body: archive
  })
  expect(answer.status, answer.body.toString()).toBe(200)
  const result = JSON.parse(answer.body.toString()) as Record<string, unknown>
  expect(answer.headers['etag']).toBe(`"${result['version'] as number}"`)
  return result
}

function getTree(url = box, method = 'GET'): Promise<Answer> {
  return ask(daemon.adminSocket, { method, url, headers: { Accept: type } })
}

async function listing(): Promise<Record<string, unknown>[]> {
  const { body } = await ask(daemon.adminSocket, { method: 'GET', url: box })
  return (JSON.parse(body.toString()) as { files: Record<string, unknown>[] }).files
}

/** An archive of `entries`, with headers as they are given. */
function archiveOf(
  ...entries: (Parameters<ReturnType<typeof pack>['entry']>[0] & { text?: string })[]
): Promise<Buffer> {
  const archive = pack()
  for (const { text, ...header } of entries) {
    if (text === undefined) archive.entry(header)
    else archive.entry(header, text)
  }
  archive.finalize()
  return buffer(archive)
}

/** Every entry below a directory: kind, mode, and contents or target. */
function treeOn(directory: string, path = ''): Record<string, string> {
  const tree: Record<string, string> = {}
  for (const name of readdirSync(join(directory, path))) {
    const inside = path === '' ? name : `${path}/${name}`
    const full = join(directory, inside)
    const stats = lstatSync(full)
    const mode = (stats.mode & 0o7777).toString(8)
    if (stats.isSymbolicLink()) tree[inside] = `-> ${readlinkSync(full)}`
    else if (stats.isDirectory()) Object.assign(tree, { [inside]: `${mode}/` }, treeOn(directory, inside))
    else tree[inside] = `${mode} ${readFileSync(full).toString('base64')}`
  }
  return tree
}

function gnuTar(directory: string, ...args: string[]): Buffer {
  return execFileSync('tar', ['-C', directory, '-cf', '-', ...args], { maxBuffer: 1 << 28 })
}

describe('a tree', () => {
  test.each(['gnu', 'pax'])('goes in and out with every kind of entry and every mode (%s)', async format => {
    const [from, to] = [temporaryDirectory(), temporaryDirectory()]
    const file = (path: string, contents: string | Buffer, mode: number): void => {
      writeFileSync(join(from, path), contents)
      chmodSync(join(from, path), mode)
    }
    mkdirSync(join(from, 'empty'))
    chmodSync(join(from, 'empty'), 0o1777)
    mkdirSync(join(from, 'a'.repeat(200), 'b'.repeat(200)), { recursive: true })
    for (const name of [
      `${'a'.repeat(200)}/${'b'.repeat(200)}/${'c'.repeat(255)}`,
      'ünïcödé 日本',
      'new\nline',
      '-dash',
      ' space ',
      'a"\\b'
    ])
      file(name, `in ${name}`, 0o640)
    for (const mode of [0, 0o400, 0o4755, 0o2711, 0o1600, 0o7777]) file(`mode ${mode}`, 'x', mode)
    file('nothing', '', 0o600)
    for (const size of [511, 512, 513, 16_384, 16_385, 1_048_577])
      file(`size ${size}`, randomBytes(size), 0o600)
    symlinkSync('../../etc/passwd', join(from, 'out'))
    symlinkSync('/', join(from, 'root'))
    symlinkSync('x'.repeat(500), join(from, 'long link'))
    symlinkSync('zïel', join(from, 'link 日本'))

    const result = await putTree(gnuTar(from, `--format=${format}`, '.'))
    expect(result).toMatchObject({ version: 2, errors: [] })
    const answer = await getTree()
    expect(answer.headers).toMatchObject({ 'content-type': type, etag: '"2"', 'cache-control': 'no-store' })
    execFileSync('tar', ['-C', to, '-xpf', '-'], { input: answer.body })
    expect(treeOn(to)).toEqual(treeOn(from))
    expect(Object.keys(treeOn(to))).toHaveLength(result['applied'] as number)
  })

  test('keeps the contents of hard links', async () => {
    const from = temporaryDirectory()
    writeFileSync(join(from, 'a'), randomBytes(50_000))
    linkSync(join(from, 'a'), join(from, 'b'))
    expect(await putTree(gnuTar(from, 'a', 'b'))).toMatchObject({ applied: 2, errors: [] })
    const { body } = await ask(daemon.adminSocket, { method: 'GET', url: `${box}b` })
    expect(body.equals(readFileSync(join(from, 'a')))).toBe(true)
  })

  test('is merged with what is there, and read in part', async () => {
    await putTree(await archiveOf({ name: 'd/old', text: 'old' }, { name: 'd/same', text: 'old' }))
    await putTree(
      await archiveOf(
        { name: 'd/same', text: 'new' },
        { name: 'd/sub/x', text: 'x' },
        { name: 'l', type: 'symlink', linkname: 'd' }
      )
    )
    const to = temporaryDirectory()
    execFileSync('tar', ['-C', to, '-xf', '-'], { input: (await getTree(`${box}l`)).body })
    expect(Object.keys(treeOn(to)).sort()).toEqual(['old', 'same', 'sub', 'sub/x'])
    const old = await getTree(`${box}?version=2`)
    rmSync(to, { recursive: true })
    mkdirSync(to)
    execFileSync('tar', ['-C', to, '-xf', '-'], { input: old.body })
    expect(treeOn(to)['d/same']).toContain(Buffer.from('old').toString('base64'))
    const one = await getTree(`${box}d/old`)
    expect(execFileSync('tar', ['-tf', '-'], { input: one.body }).toString()).toBe('old\n')
    expect((await getTree(`${box}none`)).status).toBe(404)
    const head = await getTree(box, 'HEAD')
    expect([head.status, head.body.length, head.headers['etag']]).toEqual([200, 0, '"3"'])
  })

  test('of nothing is an archive of nothing', async () => {
    expect(execFileSync('tar', ['-tf', '-'], { input: (await getTree()).body }).toString()).toBe('')
    expect(await putTree(await archiveOf())).toEqual({ version: 1, applied: 0, errors: [] })
    expect(await putTree(await archiveOf({ name: './', type: 'directory' }))).toMatchObject({ version: 1 })
    expect(await putTree(Buffer.of())).toMatchObject({ version: 1, applied: 0 })
  })
})

describe('entries that a box cannot keep', () => {
  test('are named with the reason, and the others kept in one version', async () => {
    const long = 'n'.repeat(256)
    const result = await putTree(
      await archiveOf(
        { name: 'good', text: 'x' },
        { name: 'pipe', type: 'fifo' },
        { name: 'disk', type: 'block-device', devmajor: 1, devminor: 1 },
        { name: `${long}/f`, text: 'dropped' },
        { name: 'good/below', text: 'dropped' },
        { name: 'hard', type: 'link', linkname: 'elsewhere' },
        { name: 'sparse', text: 'dropped', pax: { 'GNU.sparse.major': '1' } },
        { name: '../../up', text: 'y' },
        { name: '/abs/olute', text: 'z' }
      )
    )
    expect(result).toMatchObject({ version: 2, applied: 3 })
    const kinds = 'a box holds files, symlinks and directories'
    expect(result['errors']).toEqual([
      { path: 'pipe', code: 'invalid', message: `cannot put "pipe": ${kinds}` },
      { path: 'disk', code: 'invalid', message: `cannot put "disk": ${kinds}` },
      {
        path: `${long}/f`,
        code: 'invalid',
        message: `bad path "${long}/f": a component is longer than 255 bytes`
      },
      { path: 'good/below', code: 'invalid', message: 'cannot put "good/below": "good" is not a directory' },
      { path: 'hard', code: 'invalid', message: 'cannot link "hard": "elsewhere" did not come before it' },
      { path: 'sparse', code: 'invalid', message: 'cannot put "sparse": it is a sparse file' }
    ])
    expect((await listing()).map(({ path }) => path)).toEqual(['abs', 'abs/olute', 'good', 'up'])
  })

  test.each(['gnu', 'pax'])(
    'because their names are no UTF-8 are named as well as can be (%s)',
    async format => {
      const from = temporaryDirectory()
      writeFileSync(Buffer.concat([Buffer.from(`${from}/bad`), Buffer.of(0xff)]), 'x')
      symlinkSync(Buffer.concat([Buffer.from('to'), Buffer.of(0xff)]), join(from, 'link'))
      writeFileSync(join(from, 'good'), 'x')
      const result = await putTree(gnuTar(from, `--format=${format}`, '.'))
      expect(result).toMatchObject({ applied: 1 })
      expect((result['errors'] as { message: string }[]).map(({ message }) => message).sort()).toEqual([
        'cannot put "./bad\ufffd": its name is not UTF-8',
        'cannot put "./link": the name it links to is not UTF-8'
      ])
    }
  )

  test('alone make no version', async () => {
    expect(await putTree(await archiveOf({ name: 'pipe', type: 'fifo' }))).toMatchObject({
      version: 1,
      applied: 0
    })
  })
})

describe('what is no archive', () => {
  test.each<[string, () => Buffer]>([
    ['text', () => Buffer.from('not an archive'.repeat(100))],
    [
      'an archive that was compressed',
      () => execFileSync('tar', ['-C', temporaryDirectory(), '-czf', '-', '.'], {})
    ],
    ['half a header', () => Buffer.alloc(300, 1)]
  ])('is refused as such: %s', async (_name, make) => {
    const answer = await ask(daemon.adminSocket, {
      method: 'PUT',
      url: box,
      headers: { 'Content-Type': type },
      body: make()
    })
    expect(answer.status).toBe(400)
    expect(JSON.parse(answer.body.toString())).toEqual({
      code: 'invalid',
      message: expect.stringMatching(
        /^bad tar archive: (Invalid tar header|Unexpected end of data)/
      ) as string
    })
    expect((await getTree()).headers['etag']).toBe('"1"')
  })
})
