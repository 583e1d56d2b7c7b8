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
import { startDaemon, type Daemon } from '../kit/daemon-process.ts'
import { isLong } from '../kit/length.ts'
import { temporaryDirectory } from '../kit/temporary.ts'
import { archive, entry, head } from '../kit/tar-blocks.ts'
import { ask, type Answer } from '../kit/ask.ts'

/** Of what a header may be of: one of each kind. How each is read is tested where it is. */
const typeBytes = isLong
  ? Array.from({ length: 256 }, (_, byte) => byte)
  : [...Buffer.from('\x0007DLKVNS16xXgA\xff', 'latin1')]

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

const tarType = 'application/x-tar'

async function putTree(body: Buffer): Promise<Record<string, unknown>> {
  const answer = await ask(daemon.adminSocket, {
    method: 'PUT',
    url: box,
    headers: { 'Content-Type': tarType },
    body
  })
  expect(answer.status, answer.body.toString()).toBe(200)
  const result = JSON.parse(answer.body.toString()) as Record<string, unknown>
  expect(answer.headers['etag']).toBe(`"${result['version'] as number}"`)
  return result
}

function getTree(url = box, method = 'GET'): Promise<Answer> {
  return ask(daemon.adminSocket, { method, url, headers: { Accept: tarType } })
}

async function listing(): Promise<Record<string, unknown>[]> {
  const { body } = await ask(daemon.adminSocket, { method: 'GET', url: box })
  return (JSON.parse(body.toString()) as { files: Record<string, unknown>[] }).files
}

/** An archive of `entries`, with headers as they are given. */
function archiveOf(
  ...entries: (Parameters<ReturnType<typeof pack>['entry']>[0] & { text?: string })[]
): Promise<Buffer> {
  const packed = pack()
  for (const { text, ...header } of entries) {
    if (text === undefined) packed.entry(header)
    else packed.entry(header, text)
  }
  packed.finalize()
  return buffer(packed)
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
    expect(answer.headers).toMatchObject({
      'content-type': tarType,
      etag: '"2"',
      'cache-control': 'no-store'
    })
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
    const hint = 'a box holds files, symlinks and directories'
    expect(result['errors']).toEqual([
      { path: 'pipe', code: 'invalid', message: 'cannot put "pipe": it is a fifo', hint },
      { path: 'disk', code: 'invalid', message: 'cannot put "disk": it is a device', hint },
      {
        path: `${long}/f`,
        code: 'invalid',
        message: `bad path "${long}/f": a component is longer than 255 bytes`
      },
      { path: 'good/below', code: 'invalid', message: 'cannot put "good/below": "good" is not a directory' },
      { path: 'hard', code: 'invalid', message: 'cannot link "hard": "elsewhere" did not come before it' },
      {
        path: 'sparse',
        code: 'invalid',
        message: 'cannot put "sparse": it is a sparse file',
        hint: 'make the archive without --sparse (-S)'
      }
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

describe('whatever the type byte says', () => {
  test.each(['v7', 'ustar', 'gnu'] as const)(
    'nothing hangs and nothing damaged is kept (%s)',
    async dialect => {
      const outcomes: Record<string, string> = {}
      for (const byte of typeBytes) {
        const type = String.fromCharCode(byte)
        const name = `x${byte}`
        const body = archive(
          entry(`in ${byte}`, { name, type, dialect }),
          entry(`after ${byte}`, { name: `after${byte}`, dialect })
        )
        const { status, body: answer } = await ask(daemon.adminSocket, {
          method: 'PUT',
          url: box,
          headers: { 'Content-Type': tarType },
          body
        })
        const { applied, errors } = JSON.parse(answer.toString()) as { applied?: number; errors?: unknown[] }
        outcomes[type] = status === 200 ? `${applied ?? ''}/${errors?.length ?? ''}` : String(status)
      }
      const files = new Map((await listing()).map(file => [file['path'], file]))
      for (const byte of typeBytes) {
        const type = String.fromCharCode(byte)
        const isFile = '\x00' === type || '0' === type || '7' === type
        const expected = isFile || type === 'D' ? '2/0' : 'LKV'.includes(type) ? '1/0' : '1/1'
        const isWhole = !('123456xXg'.includes(type) || (type === 'S' && dialect !== 'gnu'))
        expect(outcomes[type], type).toBe(isWhole ? expected : '400')
        expect(files.get(`x${byte}`)?.['type'], type).toBe(
          isFile ? 'file' : type === 'D' ? 'directory' : undefined
        )
        expect(files.has(`after${byte}`), type).toBe(isWhole && type !== 'L')
      }
      for (const byte of [0, 0x30, 0x37]) {
        expect(
          (await ask(daemon.adminSocket, { method: 'GET', url: `${box}x${byte}` })).body.toString()
        ).toBe(`in ${byte}`)
      }
    }
  )

  test('a name that is none, and links to nothing, are refused by themselves', async () => {
    const result = await putTree(
      archive(
        entry('1', { name: '' }),
        entry('2', { name: 'e/' }),
        entry('3', { name: '.', type: '7' }),
        head({ name: 'link', type: '2' }),
        head({ name: 'hard', type: '1' }),
        entry('a\0b', { type: 'L', dialect: 'gnu' }),
        entry('4', { dialect: 'gnu' }),
        head({ name: '.', type: '5' }),
        entry('old', { name: 'twice' }),
        entry('new', { name: 'twice' }),
        head({ name: 'l', type: '2', linkname: 'twice' }),
        head({ name: 'same-l', type: '1', linkname: 'l' })
      )
    )
    expect((result['errors'] as { message: string }[]).map(({ message }) => message)).toEqual([
      'cannot put "": it has no name of its own',
      'cannot put "e/": it is a directory with the contents of a file',
      'cannot put ".": it has no name of its own',
      'cannot put "link": it is a symlink to nothing',
      'cannot link "hard": "" did not come before it',
      'bad path "a\\u0000b": it contains a NUL byte'
    ])
    const files = await listing()
    expect(files.map(({ path, target }) => [path, target])).toEqual([
      ['l', 'twice'],
      ['same-l', 'twice'],
      ['twice', undefined]
    ])
  })
})

describe('a directory to merge into', () => {
  const put = (inPath: string, body: Buffer) =>
    ask(daemon.adminSocket, {
      method: 'PUT',
      url: `${box}?in=${encodeURIComponent(inPath)}`,
      headers: { 'Content-Type': tarType },
      body
    })
  const paths = async () => (await listing()).map(({ path }) => path)

  test('is named through symlinks, which the names of the archive do not go through', async () => {
    await putTree(
      archive(
        head({ name: 'real', type: '5' }),
        head({ name: 'to-real', type: '2', linkname: 'real' }),
        head({ name: 'real/here', type: '2', linkname: '.' })
      )
    )
    const answer = await put('to-real', archive(entry('x', { name: '../f' }), entry('y', { name: 'here/g' })))
    expect(JSON.parse(answer.body.toString())).toEqual({
      version: 3,
      applied: 1,
      errors: [
        {
          path: 'to-real/here/g',
          code: 'invalid',
          message: 'cannot put "to-real/here/g": "real/here" is a symlink'
        }
      ]
    })
    expect(await paths()).toEqual(['real', 'real/f', 'real/here', 'to-real'])
    expect((await put('real/f', archive(entry('x')))).body.toString()).toContain('is not a directory')
    expect((await put('to/be/made', archive(entry('x')))).status).toBe(200)
    expect(await paths()).toContain('to/be/made/x')
  })

  test('an archive does not go through its own symlinks either', async () => {
    const result = await putTree(
      archive(
        head({ name: 'd', type: '2', linkname: 'e' }),
        head({ name: 'e', type: '5' }),
        entry('x', { name: 'd/f' })
      )
    )
    expect(result).toMatchObject({ errors: [{ message: 'cannot put "d/f": "d" is a symlink' }] })
    expect(await paths()).toEqual(['d', 'e'])
  })
})

test('symlinks that show nothing of the box in a container are named', async () => {
  const link = (name: string, linkname: string) => head({ name, type: '2', linkname })
  const result = await putTree(
    archive(
      entry('x', { name: 'd/f' }),
      link('good', 'd/f'),
      link('d/also-good', '../d/./f'),
      link('by-another', 'good'),
      link('missing', 'nowhere'),
      link('absolute', '/d/f'),
      link('d/up', '../../d/f'),
      link('below-a-file', 'd/f/x'),
      link('loop', 'loop'),
      link('by-missing', 'missing'),
      link('replaced', 'nowhere'),
      entry('x', { name: 'replaced' })
    )
  )
  expect(result['dangling']).toEqual([
    { path: 'missing', target: 'nowhere', leads: 'nowhere' },
    { path: 'absolute', target: '/d/f', leads: 'outside' },
    { path: 'd/up', target: '../../d/f', leads: 'outside' },
    { path: 'below-a-file', target: 'd/f/x', leads: 'nowhere' },
    { path: 'loop', target: 'loop', leads: 'nowhere' },
    { path: 'by-missing', target: 'missing', leads: 'nowhere' }
  ])
})

describe('what is no archive', () => {
  test.each<[string, () => Buffer, string, string?]>([
    ['text', () => Buffer.from('not an archive'.repeat(100)), 'it does not begin with a header of tar'],
    [
      'an archive that was compressed',
      () => execFileSync('tar', ['-C', temporaryDirectory(), '-czf', '-', '.'], {}),
      'it is compressed (gzip)',
      'send what "gzip -dc" makes of it'
    ],
    ['half a header', () => Buffer.alloc(300, 1), 'it does not begin with a header of tar'],
    ['nothing', () => Buffer.alloc(0), 'there is nothing', 'an archive of no files has at least its end'],
    [
      'an archive without its end',
      () => entry('x'),
      'it ends in the middle',
      'it was cut short on its way, or is not finished'
    ]
  ])('is refused as such: %s', async (_name, make, reason, hint) => {
    const answer = await ask(daemon.adminSocket, {
      method: 'PUT',
      url: box,
      headers: { 'Content-Type': tarType },
      body: make()
    })
    expect(answer.status).toBe(400)
    expect(JSON.parse(answer.body.toString())).toEqual({
      code: 'invalid',
      message: `bad tar archive: ${reason}`,
      ...(hint === undefined ? {} : { hint })
    })
    expect((await getTree()).headers['etag']).toBe('"1"')
  })
})
