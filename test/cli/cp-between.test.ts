import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, beforeEach, expect, test } from 'vitest'
import { done } from '../kit/run-program.ts'
import { useCli } from '../kit/use-cli.ts'

/* From box to box: what docker cp has no word for. */

const { run } = useCli({ MAX_BOX_BYTES: String(4 << 20) })

beforeAll(async () => {
  const cwd = await mkdtemp(join(tmpdir(), 'secretbox-'))
  await mkdir(join(cwd, 'certs/deep'), { recursive: true, mode: 0o750 })
  await writeFile(join(cwd, 'certs/deep/key'), 'key', { mode: 0o400 })
  await writeFile(join(cwd, 'run'), Buffer.from([0, 1, 0xff]), { mode: 0o4755 })
  await symlink('deep/key', join(cwd, 'certs/link'))
  await run(['create', 'web'])
  await run(['add', '-r', 'web', 'certs', 'run'], { cwd })
  await rm(cwd, { recursive: true })
  await run(['put', 'web:run', '--mode', '4755'], { input: Buffer.from([0, 1, 0xff]) })
})

beforeEach(async () => {
  await run(['destroy', '--force', 'db'])
  await run(['create', 'db'])
})

async function entries(address: string): Promise<string> {
  return (await run(['list', '-f', '{{.Path}} {{.Mode}} {{.Target}}', address])).stdout
}

test('a whole box is copied to a box as it is, as one new version, and audited on both sides', async () => {
  expect(await run(['cp', 'web:', 'db:'])).toMatchObject(done())
  expect(await entries('db')).toBe(await entries('web'))
  expect(await entries('db')).toContain('run 4755')
  expect(await entries('db')).toContain('certs/link  deep/key')
  expect((await run(['read', 'db:run'])).bytes).toEqual(Buffer.from([0, 1, 0xff]))
  expect((await run(['inspect', '-f', '{{.Version}}', 'db'])).stdout).toBe('2\n')
  const audited = async (box: string): Promise<string> =>
    (await run(['audit', '--box', box, '-f', '{{.Action}}'])).stdout
  expect(await audited('web')).toContain('box.reveal\n')
  expect(await audited('db')).toContain('box.change\n')
})

test.each([
  ['web:certs', 'db:', ['certs', 'certs/deep', 'certs/deep/key', 'certs/link']],
  ['web:certs', 'db:new', ['new', 'new/deep', 'new/deep/key', 'new/link']],
  ['web:certs', 'db:new/', ['new', 'new/certs', 'new/certs/deep', 'new/certs/deep/key', 'new/certs/link']],
  ['web:certs/.', 'db:', ['deep', 'deep/key', 'link']],
  [
    'web:',
    'db:new',
    ['new', 'new/certs', 'new/certs/deep', 'new/certs/deep/key', 'new/certs/link', 'new/run']
  ],
  ['web:certs/deep/key', 'db:', ['key']],
  ['web:certs/deep/key', 'db:tls/', ['tls', 'tls/key']],
  ['web:certs/deep/key', 'db:tls', ['tls']],
  ['web:certs/deep/key', 'db:a/b', ['a', 'a/b']],
  // As when it is copied out, a symlink that is named itself is followed.
  ['web:certs/link', 'db:', ['link']]
])('%s to %s makes %j', async (from, to, paths) => {
  expect(await run(['cp', from, to])).toMatchObject({ code: 0, stdout: '' })
  expect((await run(['list', '-f', '{{.Path}}', 'db'])).stdout.split('\n').slice(0, -1)).toEqual(paths)
})

test('modes of directories and files are kept', async () => {
  await run(['cp', 'web:certs', 'db:'])
  expect(await entries('db')).toBe(await entries('web:certs'))
  await run(['cp', 'web:certs/deep/key', 'db:key'])
  expect(await entries('db:key')).toBe('key 0400 \n')
})

test('directories are merged, files replaced, and other kinds refused', async () => {
  await run(['put', 'db:certs/mine'], { input: 'mine' })
  await run(['put', 'db:run'], { input: 'old' })
  expect(await run(['cp', 'web:', 'db:'])).toMatchObject(done())
  expect(await run(['read', 'db:certs/mine', 'db:certs/deep/key'])).toMatchObject(done('minekey'))
  expect((await run(['read', 'db:run'])).bytes).toEqual(Buffer.from([0, 1, 0xff]))
  expect(await run(['cp', 'web:certs', 'db:run'])).toMatchObject({
    code: 1,
    stderr: 'error: cannot copy "web:certs" to "db:run": that is a file, and this a directory\n'
  })
  expect(await run(['cp', 'web:run', 'db:certs/../certs'])).toMatchObject(done())
  expect(await run(['read', 'db:certs/run'])).toMatchObject({ code: 0 })
})

test('an old version can be copied, and a box into itself', async () => {
  await run(['put', 'db:pw'], { input: 'first' })
  await run(['put', 'db:pw'], { input: 'second' })
  expect(await run(['cp', '--version', '2', 'db:pw', 'db:old-pw'])).toMatchObject(done())
  expect(await run(['read', 'db:old-pw', 'db:pw'])).toMatchObject(done('firstsecond'))
  expect(await run(['cp', 'db:', 'db:saved'])).toMatchObject(done())
  expect((await run(['list', 'db'])).stdout).toBe(
    'db:old-pw\ndb:pw\ndb:saved/\ndb:saved/old-pw\ndb:saved/pw\n'
  )
})

test.each([
  [['cp', 'web:', 'nosuch:'], 'no such box "nosuch"\nhint: create it with: docker vault create nosuch'],
  [
    ['cp', 'nosuch:', 'web:'],
    'no such box "nosuch"\nhint: docker vault list --boxes shows those that there are'
  ],
  [['cp', 'web:rnu', 'db:'], 'cannot copy "web:rnu": no such file in the box\nhint: did you mean "web:run"?'],
  [
    ['cp', 'web:', 'db:../up'],
    'bad path "../up": ".." leads out of the box\nhint: in the box it would be "up"'
  ]
])('%j is an error', async (args, message) => {
  expect(await run(args)).toMatchObject({ code: 1, stdout: '', stderr: `error: ${message}\n` })
  expect((await run(['list', 'db'])).stdout).toBe('')
})

test.each([
  [['cp', '-L', 'web:', 'db:'], '-H and -L are of use only when copying files into a box'],
  [['cp', '--keep-set-id', 'web:', 'db:'], '--keep-set-id is of use only when copying out of a box']
])('%j is a mistake', async (args, message) => {
  expect(await run(args)).toMatchObject({ code: 2, stdout: '', stderr: `error: ${message}\n` })
})

test('what does not fit changes nothing', async () => {
  await run(['put', 'db:most'], { input: Buffer.alloc(3 << 20) })
  await run(['create', 'other'])
  await run(['put', 'other:more'], { input: Buffer.alloc(2 << 20) })
  const { code, stderr } = await run(['cp', 'other:', 'db:'])
  expect(code).toBe(1)
  expect(stderr).toMatch(/^error: a box holds at most 4194304 bytes/)
  expect(await run(['list', 'db'])).toMatchObject(done('db:most\n'))
})
