import { ensureDir } from 'fs-extra/esm'
import { randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { clientsWithBuildKit } from '../kit/engine/clients.ts'
import { runCommand, tryCommand, type Finished } from '../kit/engine/command.ts'
import { importTestImage, testImage } from '../kit/engine/image.ts'
import { installPlugin, linkCli } from '../kit/engine/plugin.ts'
import { startPrivateEngine, type PrivateEngine } from '../kit/engine/private-engine.ts'
import { filesHolding, formsOf } from '../kit/engine/search.ts'
import { freshName } from '../kit/engine/shared-engine.ts'

/** A secret that each test's builds read and no build may keep. */
const canary = randomBytes(24).toString('hex')
let engine: PrivateEngine
let builders: string[]

beforeAll(async () => {
  engine = await startPrivateEngine()
  await importTestImage(engine)
  await linkCli(engine)
  await installPlugin(engine)
  builders = await clientsWithBuildKit(engine)
  expect(builders, 'a docker client with BuildKit').not.toEqual([])
  await engine.docker(['vault', 'create', 'npm'])
  await engine.docker(['vault', 'put', '--mode', '0440', 'npm', 'deep/token'], { input: canary })
  await engine.docker(['vault', 'put', '--mode', '0700', 'npm', 'run it'], {
    input: `#!/bin/sh\necho ran ${canary}`
  })
})

afterAll(() => engine.stop())

/** Writes a build context; paths may have directories in front. */
async function contextWith(files: Readonly<Record<string, string | readonly string[]>>): Promise<string> {
  const directory = await mkdtemp(join(engine.root, 'context-'))
  for (const [path, lines] of Object.entries(files)) {
    await ensureDir(dirname(join(directory, path)))
    await writeFile(join(directory, path), typeof lines === 'string' ? lines : `${lines.join('\n')}\n`)
  }
  return directory
}

const options = ['--progress', 'plain', '--network', 'none']

function tryBuild(...args: string[]): Promise<Finished> {
  return tryBuildBy(builders[0] ?? '', ...args)
}

function tryBuildBy(client: string, ...args: string[]): Promise<Finished> {
  return tryCommand(client, ['vault', 'build', ...options, ...args], { env: engine.env })
}

/** Builds an image and gives its name and all that the build said. */
function build(...args: string[]): Promise<{ image: string; said: string }> {
  return buildBy(builders[0] ?? '', ...args)
}

async function buildBy(client: string, ...args: string[]): Promise<{ image: string; said: string }> {
  const image = freshName('built')
  const { code, stdout, stderr } = await tryBuildBy(client, '--tag', image, ...args)
  expect(code, stderr).toBe(0)
  return { image, said: stdout + stderr }
}

const runIn = (image: string, script: string): Promise<string> =>
  engine.docker(['run', '--rm', image, 'sh', '-c', script])

const copyRecordsOf = async (image: string): Promise<unknown> =>
  JSON.parse(await engine.docker(['inspect', '--format', '{{json .Config.Labels}}', image])) as unknown

/** What `docker save` writes of an image, unpacked with every layer, wherever in it an Engine puts these. */
async function savedAndUnpacked(image: string): Promise<string> {
  const directory = await mkdtemp(join(engine.root, 'saved-'))
  await engine.docker(['save', '--output', join(directory, 'image.tar'), image])
  await runCommand('tar', ['-x', '-C', directory, '-f', join(directory, 'image.tar')])
  await rm(join(directory, 'image.tar'))
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    const file = join(entry.parentPath, entry.name)
    if (!entry.isFile() || (await tryCommand('tar', ['-t', '-f', file], {})).code !== 0) continue
    await mkdir(`${file}.files`)
    await runCommand('tar', ['-x', '-C', `${file}.files`, '-f', file])
  }
  return directory
}

const reading = [
  `FROM ${testImage} AS first`,
  'RUN sha256sum /run/vault/npm/deep/token >/digest; sh "/run/vault/npm/run it" | wc -c >/count; echo kept >/control',
  'FROM first',
  'COPY --from=first /digest /copied',
  'run ["cp", "/digest", "/again"]',
  'RUN cd /run/vault && ls -l npm >/listing && touch beside && echo x >npm/beside'
]

test('row 44: every RUN reads the box, and nothing of it is in the image, its history or the build cache', async () => {
  for (const client of builders) await expectNothingLeftBy(client)
})

async function expectNothingLeftBy(client: string): Promise<void> {
  const context = await contextWith({ Dockerfile: reading })
  const { image, said } = await buildBy(client, '--no-cache', '--inject', 'npm', context)
  const digest = await runIn(image, 'cut -c-64 /digest')
  expect(digest).toBe(await runCommand('sh', ['-c', `printf ${canary} | sha256sum | cut -c-64`]))
  expect(await runIn(image, 'cat /count')).toBe(`${`ran ${canary}\n`.length}\n`)
  // Older builders leave the empty directory.
  const left = await runIn(image, "find / -xdev -path '/run/*'")
  expect(['', '/run/vault\n']).toContain(left)

  const saved = await savedAndUnpacked(image)
  expect(await filesHolding(saved, [Buffer.from('kept')])).not.toEqual([])
  expect(await filesHolding(saved, formsOf(canary))).toEqual([])
  const paths = await readdir(saved, { recursive: true })
  expect(paths.filter(path => path.endsWith('.files/control'))).toHaveLength(1)
  expect(paths.filter(path => /run\/vault/.test(path)).every(path => path.endsWith('run/vault'))).toBe(true)
  expect(paths.filter(path => /token|beside/.test(path))).toEqual([])

  const inspected = await engine.docker(['inspect', image])
  const history = await engine.docker(['history', '--no-trunc', image])
  for (const text of [said, inspected, history]) expect(text).not.toContain(canary)
  expect(history).not.toMatch(/--mount|secretbox\.\d/)
  // Layers, build cache and the Engine's own records.
  expect(await filesHolding(engine.dataRoot, [Buffer.from(digest.trim())])).not.toEqual([])
  expect(await filesHolding(engine.dataRoot, formsOf(canary))).toEqual([])
}

test('a later build takes from the cache what did not change, and needs no secret for that', async () => {
  const context = await contextWith({
    Dockerfile: [`FROM ${testImage}`, 'RUN cat /run/vault/npm/deep/token | wc -c']
  })
  await build('--inject', 'npm', context)
  const { said } = await build('--inject', 'npm', context)
  expect(said).toMatch(/CACHED/)
})

test('a stage that is built by --target has the hints of its own stages', async () => {
  const context = await contextWith({
    Dockerfile: [`FROM ${testImage} AS one`, 'BOX a', 'FROM one AS two', 'BOX b']
  })
  expect(await copyRecordsOf((await build('--target', 'one', context)).image)).toEqual({
    'io.secretbox.boxes': '["a"]'
  })
})

test('mounts that are there already, build arguments and ONBUILD work as ever', async () => {
  const context = await contextWith({
    Dockerfile: [
      `FROM ${testImage}`,
      'ARG WORD',
      'RUN --mount=type=tmpfs,target=/extra --mount=type=bind,target=/context \\',
      '  # a comment',
      '  grep /extra /proc/mounts && cat /context/file && echo "$WORD" >/word && \\',
      '  test -s /run/vault/npm/deep/token',
      'ONBUILD RUN echo triggered >/triggered'
    ],
    file: 'x'
  })
  const { image } = await build('--inject', 'npm', '--build-arg', 'WORD=given', context)
  expect(await runIn(image, 'cat /word')).toBe('given\n')
  const child = await build('--inject', 'npm', await contextWith({ Dockerfile: [`FROM ${image}`] }))
  expect(await runIn(child.image, 'cat /triggered')).toBe('triggered\n')
})

test.each([
  ['.dockerignore', 'Dockerfile', []],
  ['Dockerfile.dockerignore', 'Dockerfile', []],
  ['sub/Other.dockerignore', 'sub/Other', ['-f', 'sub/Other']]
])('%s keeps files out of the context', async (ignoreFile, dockerfile, flags) => {
  const context = await contextWith({
    [dockerfile]: [`FROM ${testImage}`, 'COPY . /context', 'RUN test -s /run/vault/npm/deep/token'],
    [ignoreFile]: 'ignored\n',
    ignored: 'x',
    taken: 'x'
  })
  const image = freshName('ignoring')
  const words = [
    'vault',
    'build',
    '--network',
    'none',
    '--quiet',
    '--tag',
    image,
    '--inject',
    'npm',
    ...flags,
    '.'
  ]
  await runCommand(builders[0] ?? '', words, { env: engine.env, cwd: context })
  expect(await runIn(image, 'cd /context; ls -d taken ignored 2>/dev/null; true')).toBe('taken\n')
})

test.each([
  ['a Dockerfile by -f -', ['-f', '-', '.'], false],
  ['a Dockerfile as the context', ['-'], false],
  ['an archive as the context', ['-'], true]
])('%s is built', async (_, last, isArchive) => {
  const context = await contextWith({
    Dockerfile: [`FROM ${testImage}`, 'BOX db', 'RUN wc -c </run/vault/npm/deep/token >/count'],
    file: 'x'
  })
  const input = isArchive
    ? await runCommand('tar', ['-c', '-C', context, '.'])
    : await runCommand('cat', [join(context, 'Dockerfile')])
  const image = freshName('piped')
  const words = ['vault', 'build', '--network', 'none', '--quiet', '--tag', image, '--inject', 'npm', ...last]
  await runCommand(builders[0] ?? '', words, { env: engine.env, cwd: context, input })
  expect(await runIn(image, 'cat /count')).toBe('48\n')
  expect(await copyRecordsOf(image)).toMatchObject({ 'io.secretbox.boxes': '["db"]' })
})

test('an image from scratch is built', async () => {
  const context = await contextWith({
    Dockerfile: [
      `FROM ${testImage} AS make`,
      'RUN wc -c </run/vault/npm/deep/token >/count',
      'FROM scratch',
      'BOX db',
      'COPY --from=make /count /'
    ]
  })
  const { image } = await build('--inject', 'npm', context)
  expect(await copyRecordsOf(image)).toMatchObject({ 'io.secretbox.boxes': '["db"]' })
})

test("a build that fails has docker's exit status and message, with the right line and without the secret", async () => {
  const context = await contextWith({
    Dockerfile: [
      `FROM ${testImage}`,
      'BOX ["a", \\',
      '  "b"]',
      'RUN test -s /run/vault/npm/deep/token && exit 3',
      'BOGUS x'
    ]
  })
  const wrong = await tryBuild('--inject', 'npm', context)
  expect(wrong.code).toBe(1)
  expect(wrong.stderr).toMatch(/line 5: unknown instruction: BOGUS|Dockerfile:5/)
  const failing = await contextWith({
    Dockerfile: [`FROM ${testImage}`, 'RUN test -s /run/vault/npm/deep/token && exit 3']
  })
  const failed = await tryBuild('--inject', 'npm', failing)
  expect(failed.code).toBe(1)
  expect(failed.stderr).toMatch(/exit code: 3/)
  expect(failed.stderr).not.toContain(canary)
})

test('paths with what CSV, shells and Dockerfiles care about are given to a build', async () => {
  const names = ['a b', 'c,d', 'e=f', '#g', ' h', 'i(j)[k]{l}', 'm;n&o|p', '!q?*', '--mount=r', '~s^t%u']
  const tree = await contextWith(Object.fromEntries(names.map(name => [name, name])))
  await engine.docker(['vault', 'create', 'odd, box'])
  await engine.docker(['vault', 'add', '--recursive', 'odd, box', '.'], { cwd: tree })
  const context = await contextWith({
    Dockerfile: [
      `FROM ${testImage}`,
      'RUN cd "/run/vault/odd, box" && for f in *; do [ "$(cat "./$f")" = "$f" ] && echo "$f"; done >/names'
    ]
  })
  const { image } = await build('--inject', '"odd, box"', context)
  expect((await runIn(image, 'cat /names')).trimEnd().split('\n').sort()).toEqual([...names].sort())
})
