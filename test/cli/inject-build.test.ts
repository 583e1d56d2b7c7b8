import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { watch } from 'node:fs'
import { mkdir, readdir, symlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { temporaryDirectory } from '../kit/temporary.ts'
import { done } from '../kit/run-program.ts'
import { standIns } from './stand-ins.ts'
import { useCli } from '../kit/use-cli.ts'

const { run, runHere, program, daemon } = useCli()
const secret = 'hunter2-in-no-argument'

/** A docker with BuildKit in itself; a build shows what it is given. */
const oldDocker = (build = 'exit 0'): string => `
case "$1" in
--version) echo 'Docker version 20.10.24, build 1'; exit 0 ;;
buildx) exit 1 ;;
esac
[ "$1" = build ] || exit 99
${build}`

/** Shell lines that show the Dockerfile which docker is given by -f. */
const showDockerfile =
  'while [ "$1" != -f ]; do shift; done; cat "$2"; cat "$2".dockerignore 2>/dev/null || true'

/** Text that matches, in an array of texts. */
const like = (pattern: RegExp): string => expect.stringMatching(pattern) as string

const context = (files: Readonly<Record<string, string>>): Promise<string> => {
  const directory = temporaryDirectory()
  return Promise.all(
    Object.entries(files).map(([name, text]) => writeFile(join(directory, name), text))
  ).then(() => directory)
}

beforeAll(async () => {
  await run(['create', 'npm', 'empty', 'odd', 'large'])
  await run(['put', '--mode', '0640', 'npm', 'deep/token'], { input: secret })
  await run(['put', 'odd', 'a b, "c"'], { input: secret })
  await run(['put', 'large', 'f'], { input: Buffer.alloc(512_001) })
})

test('row 44: every RUN gets each file as a secret over a tmpfs; no argument holds a byte of it', async () => {
  const where = await context({ Dockerfile: 'FROM scratch\nRUN a \\\n  b\nRUN c\n' })
  const { env, calls } = await standIns(oldDocker(`echo "$DOCKER_BUILDKIT"; ${showDockerfile}`))
  const { code, stdout, stderr } = await run(['build', '--inject', 'npm', '-t', 'web', where, '--pull'], {
    env
  })
  const flags =
    '--mount=type=tmpfs,target=/run/vault ' +
    '--mount=type=secret,id=secretbox.1,target=/run/vault/npm/deep/token,mode=0640,required=true'
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout).toBe(`1\nFROM scratch\nRUN ${flags} a \\\n  b\nRUN ${flags} c\n`)
  const call = (await calls()).at(-1) ?? []
  expect(call).toEqual([
    ...['build', '--secret', like(/^id=secretbox\.1,src=\/(dev\/shm|run)\/secretbox-\d+-\w+\/1$/)],
    ...['--label', 'io.secretbox.built-with=["npm"]', '-t', 'web', '--pull'],
    ...['-f', like(/\/Dockerfile$/), where]
  ])
  expect(call.join(' ')).not.toContain(secret)
})

test('a part of a box, at a version, goes to a build with owner and mode; a box that may be missing is empty', async () => {
  await run(['put', '--create', 'parts', 'a/b/file'], { input: 'old' })
  await run(['put', 'parts', 'a/b/file'], { input: 'new' })
  const where = await context({ Dockerfile: 'FROM scratch\nRUN x\n' })
  const show = 'for word do case "$word" in id=*) cat "${word#*src=}" ;; esac; done; '
  const { env } = await standIns(oldDocker(show + showDockerfile))
  const words = [
    '--inject',
    'parts:/x,path=a/b,version=2,uid=5,gid=6,mode=0o400',
    '--inject',
    'none:/y,optional'
  ]
  const { stdout, stderr } = await run(['build', ...words, where], { env })
  expect(stderr).toBe('')
  expect(stdout).toBe(
    'oldFROM scratch\nRUN --mount=type=tmpfs,target=/x --mount=type=tmpfs,target=/y ' +
      '--mount=type=secret,id=secretbox.1,target=/x/file,mode=0400,uid=5,gid=6,required=true x\n'
  )
  const one = await run(['build', '--inject', 'parts:/x,path=a/b/file', where], { env })
  expect(one.stdout).toContain('target=/x/file,mode=0600,required=true x\n')
})

test('while docker builds, the files are private and in memory, and afterwards gone', async () => {
  const where = await context({ Dockerfile: 'FROM scratch\nRUN a\n' })
  const show =
    'for word do case "$word" in id=*) f=${word#*src=} ;; esac; done; ' +
    'stat -c "%a %U" "$f" "${f%/*}"; stat -f -c %T "$f"; cat "$f"; echo; echo "${f%/*}"'
  const { env } = await standIns(oldDocker(show))
  const lines = (await run(['build', '--inject', 'npm', where], { env })).stdout.split('\n')
  expect(lines.slice(0, 4)).toEqual(['600 root', '700 root', 'tmpfs', secret])
  await expect(readdir(lines[4] ?? '')).rejects.toThrow('ENOENT')
})

test('a signal ends docker, and nothing is left then either', async () => {
  const where = await context({ Dockerfile: 'FROM scratch\nRUN a\n' })
  const wait =
    "trap 'exit 5' TERM; for word do case $word in id=*) echo ${word#*src=} ;; esac; done; while :; do sleep 0.05; done"
  const { env } = await standIns(oldDocker(wait))
  const child = spawn(program, ['build', '--inject', 'npm', where], {
    env: { ...env, SECRETBOX_SOCKET: daemon().adminSocket, TMPDIR: where },
    stdio: ['ignore', 'pipe', 'inherit']
  })
  const [file] = (await once(child.stdout, 'data')) as [Buffer]
  const ended = once(child, 'exit')
  child.kill('SIGTERM')
  expect(await ended).toEqual([5, null])
  await expect(readdir(join(file.toString().trim(), '..'))).rejects.toThrow('ENOENT')
  expect(await readdir(where)).toEqual(['Dockerfile'])
})

test.each([
  ['the context', ['-']],
  ['the Dockerfile', ['-f', '-', '.']]
])('a signal ends the waiting for %s on standard input, and docker is not called', async (_, words) => {
  const where = await context({})
  const { env, calls } = await standIns(oldDocker('exit 0'))
  const watcher = watch(where)
  const changed = once(watcher, 'change')
  const child = spawn(program, ['build', '--inject', 'npm', ...words], {
    env: { ...env, SECRETBOX_SOCKET: daemon().adminSocket, TMPDIR: where },
    stdio: ['pipe', 'ignore', 'pipe']
  })
  let stderr = ''
  child.stderr.on('data', (text: Buffer) => (stderr += text.toString()))
  const ended = once(child, 'close')
  expect(await changed).toEqual(['rename', like(/^secretbox-build-/)])
  watcher.close()
  child.kill('SIGINT')
  expect(await ended).toEqual([null, 'SIGINT'])
  expect(stderr).toBe('')
  expect(await readdir(where)).toEqual([])
  expect((await calls()).filter(([word]) => word === 'build')).toEqual([])
})

test('an empty box and empty directories are empty directories, a symlink is the file that it leads to', async () => {
  const tree = temporaryDirectory()
  await mkdir(join(tree, 'hollow/inner'), { recursive: true })
  await writeFile(join(tree, 'file'), 'x', { mode: 0o755 })
  await symlink('file', join(tree, 'link'))
  await symlink('hollow', join(tree, 'to-directory'))
  await symlink('nowhere', join(tree, 'to-nothing'))
  await run(['create', 'tree'])
  await run(['add', '-r', 'tree', '.'], { cwd: tree })
  const where = await context({ Dockerfile: 'FROM scratch\nRUN a' })
  const { env } = await standIns(oldDocker(showDockerfile))
  const { stdout, stderr } = await run(['build', '--inject', 'tree:t', '--inject=empty:/e', where], { env })
  const mounts = stdout.split(' ').filter(word => word.startsWith('--mount='))
  const secretOf = (id: number, target: string): string =>
    `--mount=type=secret,id=secretbox.${id},target=${target},mode=0755,required=true`
  expect(mounts).toEqual([
    '--mount=type=tmpfs,target=/run/vault',
    '--mount=type=tmpfs,target=/run/vault/t/hollow/inner',
    '--mount=type=tmpfs,target=/e',
    secretOf(1, '/run/vault/t/file'),
    secretOf(2, '/run/vault/t/link')
  ])
  expect(stderr).toBe(
    'note: symlink "to-directory" of box "tree" leads to no file: the build does not get it\n' +
      'note: symlink "to-nothing" of box "tree" leads to no file: the build does not get it\n'
  )
})

test.each([
  [
    'large',
    'cannot give "f" of box "large" to a build: it has 512001 bytes, BuildKit takes at most 512000',
    'split the file, or keep it in a box that the build does not need'
  ],
  [
    'odd',
    'cannot give "/run/vault/odd/a b, \\"c\\"" to a build: no Dockerfile can name such a path',
    'a build takes names of printable ASCII characters other than quotes, "$", "<", "`" and "\\"'
  ],
  ['none', 'no such box "none"', 'docker vault list --boxes shows those that there are']
])('the box %s cannot be given to a build, and docker is not called for it', async (box, message, hint) => {
  const where = await context({ Dockerfile: 'FROM scratch\nRUN a' })
  const { env, calls } = await standIns(oldDocker())
  expect(await runHere(['build', '--inject', box, where], { env })).toMatchObject({
    code: 1,
    stdout: '',
    stderr: `error: ${message}\nhint: ${hint}\n`
  })
  expect((await calls()).map(([verb]) => verb)).toEqual(['buildx', '--version'])
})

test('more files than a line of a Dockerfile can name are refused', async () => {
  const tree = temporaryDirectory()
  await Promise.all(
    Array.from({ length: 600 }, (_, i) => writeFile(join(tree, `${'n'.repeat(50)}-${i}`), 'x'))
  )
  await run(['create', 'many'])
  await run(['add', '-r', 'many', '.'], { cwd: tree })
  const where = await context({ Dockerfile: 'FROM scratch\nRUN a' })
  const { env } = await standIns(oldDocker())
  expect(await runHere(['build', '--inject', 'many', where], { env })).toMatchObject({
    code: 1,
    stderr:
      'error: cannot give 600 files to a build: their paths are too long for a line of a Dockerfile\n' +
      'hint: put what the build needs into a box of its own\n'
  })
})

test.each([
  ['28.2.2', 'exit 1', null],
  ['28.2.2', 'exit 0', ['build', '1']],
  ['22.6.1', 'exit 0', ['buildx', '']],
  ['20.10.24', 'exit 1', ['build', '1']],
  ['of my own', 'exit 0', ['build', '1']]
])('a docker %s whose buildx does "%s" builds by %j', async (version, buildx, expected) => {
  const where = await context({ Dockerfile: 'FROM scratch\nRUN a' })
  const script = `
case "$1 $2" in
'--version '*) echo 'Docker version ${version}, build 1'; exit 0 ;;
'buildx version') ${buildx} ;;
esac
echo "$1 $DOCKER_BUILDKIT"`
  const { env } = await standIns(script)
  const outcome = await run(['build', '--inject', 'npm', where], { env })
  if (expected !== null) expect(outcome).toMatchObject(done(`${expected.join(' ')}\n`))
  else {
    expect(outcome).toMatchObject({
      code: 1,
      stderr:
        'error: cannot give boxes to a build: this docker client has no BuildKit\n' +
        'hint: install buildx (the package docker-buildx-plugin, or docker-buildx), or a docker client older than 23\n'
    })
  }
})

test('rows 52 to 54: BOX becomes a label of what the stages and the base image ask for', async () => {
  const where = await context({
    'Prod.Dockerfile': 'FROM base AS one\nBOX db\nFROM one\nBOX ["tls", "a b"]\nFROM other\n',
    'Prod.Dockerfile.dockerignore': '# ignored\n'
  })
  const images = { base: { 'io.secretbox.boxes': '["old"]', 'io.secretbox.built-with': '["cargo"]' } }
  const { env, calls } = await standIns(oldDocker(showDockerfile), images)
  const file = join(where, 'Prod.Dockerfile')
  expect(await run(['build', '-f', file, '--target', '1', where], { env })).toMatchObject(
    done('FROM base AS one\n#\nFROM one\n#\nFROM other\n# ignored\n')
  )
  expect(await calls()).toEqual([
    [
      'build',
      ...['--label', 'io.secretbox.boxes=["old","db","tls","a b"]', '--target', '1'],
      ...['-f', like(/\/dockerfile\/Prod\.Dockerfile$/), where]
    ]
  ])
  await run(['build', '--inject', 'npm', '-f', file, '--target=one', where], { env })
  expect((await calls()).at(-1)).toEqual(
    expect.arrayContaining(['io.secretbox.boxes=["old","db"]', 'io.secretbox.built-with=["cargo","npm"]'])
  )
})

test('a base image that the Engine does not have is named, for its hints are not known', async () => {
  const where = await context({ Dockerfile: 'FROM far/away:1\nBOX db\n' })
  const { env } = await standIns(oldDocker())
  expect((await runHere(['build', where], { env })).stderr).toBe(
    'note: the Engine does not have base image "far/away:1": boxes that it asks for are not asked for any more\n'
  )
  const varying = await context({ Dockerfile: 'ARG V\nFROM base:$V\nBOX db\n' })
  expect((await runHere(['build', varying], { env })).stderr).toBe(
    'note: the Engine does not have the base image: boxes that it asks for are not asked for any more\n'
  )
})

test('a build that has nothing to do with boxes goes to docker as it is', async () => {
  const where = await context({ dockerfile: 'FROM scratch\nRUN a\n' })
  const { env, calls } = await standIns('cat; exit 6')
  expect(await run(['build', '-qt', 'web', where], { env, input: 'in' })).toMatchObject({
    code: 6,
    stdout: 'in'
  })
  await run(['build', '-f', join(where, 'dockerfile'), where], { env })
  await run(['build', 'https://example.invalid/x.git#main'], { env })
  expect(await calls()).toEqual([
    ['build', '-q', '-t', 'web', where],
    ['build', '-f', join(where, 'dockerfile'), where],
    ['build', 'https://example.invalid/x.git#main']
  ])
})

const dockerfile = 'FROM scratch\nBOX db\nRUN a\n'
const changed = 'FROM scratch\n#\nRUN a\n'

test('a Dockerfile on standard input is changed on its way to docker', async () => {
  const where = await context({})
  const { env, calls } = await standIns(
    oldDocker('case "$*" in *" -") cat ;; *://*) cat ;; *) ' + showDockerfile + ' ;; esac')
  )
  const label = ['--label', 'io.secretbox.boxes=["db"]']
  expect(await run(['build', '-'], { env, input: dockerfile })).toMatchObject(done(changed))
  expect(await run(['build', '-f', '-', where], { env, input: dockerfile })).toMatchObject(done(changed))
  expect(await run(['build', '-f-', 'git://x/y'], { env, input: dockerfile })).toMatchObject(done(changed))
  expect(await calls()).toEqual([
    ['build', ...label, '-'],
    ['build', ...label, '-f', like(/\/Dockerfile$/), where],
    ['build', ...label, '-f', '-', 'git://x/y']
  ])
})

/** An archive of a context, as `tar` makes it. */
async function archive(...args: string[]): Promise<Buffer> {
  const where = await context({ Dockerfile: dockerfile, other: 'other' })
  await mkdir(join(where, 'sub'))
  await writeFile(join(where, 'sub/D'), dockerfile, { mode: 0o600 })
  await symlink('other', join(where, 'link'))
  return execFileSync('tar', ['-C', where, ...args, '-c', '.'])
}

test.each([
  ['-', [], []],
  ['-', ['-z'], []],
  ['-', ['-z'], ['-f', 'sub/D']]
])(
  'an archive on standard input (%s %j) gets another Dockerfile and keeps the rest',
  async (last, options, file) => {
    const shown = file[1] ?? 'Dockerfile'
    const { env, calls } = await standIns(
      oldDocker(`tar -x -C "$WHERE"; cd "$WHERE"; cat ${shown}; stat -c %a,%N sub/D link other`)
    )
    const where = await context({})
    const { code, stdout } = await run(['build', ...file, last], {
      env: { ...env, WHERE: where },
      input: await archive(...options)
    })
    expect(code).toBe(0)
    expect(stdout).toBe(`${changed}600,'sub/D'\n777,'link' -> 'other'\n644,'other'\n`)
    expect(await calls()).toEqual([['build', '--label', 'io.secretbox.boxes=["db"]', ...file, '-']])
  }
)

test('a docker that does not read the archive to its end has the last word', async () => {
  const where = await context({ Dockerfile: dockerfile, large: 'x'.repeat(4 << 20) })
  const input = execFileSync('tar', ['-C', where, '-c', '.'], { maxBuffer: 16 << 20 })
  const { env } = await standIns(oldDocker('head -c 100 >/dev/null; exit 4'))
  expect(await run(['build', '-'], { env, input })).toEqual(
    expect.objectContaining({ code: 4, stdout: '', stderr: '' })
  )
})

test('what lies at a URL is fetched here', async () => {
  const server = createServer((request, response) => {
    if (request.url === '/none') response.statusCode = 404
    response.end(dockerfile)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const { env, calls } = await standIns(oldDocker('cat'))
  expect(await run(['build', `${url}/Dockerfile`], { env })).toMatchObject(done(changed))
  expect(await calls()).toEqual([['build', '--label', 'io.secretbox.boxes=["db"]', '-']])
  expect(await run(['build', `${url}/none`], { env })).toMatchObject({
    code: 1,
    stderr: `error: cannot fetch "${url}/none": the server answered 404\n`
  })
  await new Promise(resolve => server.close(resolve))
  expect((await run(['build', `${url}/gone`], { env })).stderr).toMatch(
    /^error: cannot fetch "[^"]*": ECONNREFUSED\n$/
  )
})

test.each([
  [['build'], 2, 'name one build context: a directory, a URL or "-"', 'see: docker build --help'],
  [['build', 'a', 'b'], 2, 'name one build context: a directory, a URL or "-"', 'see: docker build --help'],
  [['build', '--bogus', '.'], 2, 'unknown flag "--bogus"', /equals sign/],
  [['build', '/nowhere'], 2, 'cannot build "/nowhere": there is no such directory', null],
  [['build', '/proc'], 2, 'cannot build "/proc": it has no Dockerfile', null],
  [['build', '-f', '/nowhere/D', '/proc'], 1, 'cannot read "/nowhere/D": no such file or directory', null],
  [['build', '-f', '/bin/true', '/proc'], 1, 'cannot read "/bin/true": it is not valid UTF-8', null],
  [['build', '-f', '-', '-'], 2, 'standard input cannot be both the context and the Dockerfile', null],
  [['build', '-f', 'D', '-'], 2, 'the context is a Dockerfile itself: there is none at "D"', null],
  [
    ['build', '--inject', 'npm', '--inject=empty:npm', '.'],
    2,
    'cannot mount two things at "/run/vault/npm": "--inject npm" and "--inject empty:npm"',
    'give one of them another place, as in --inject box:alias'
  ],
  [
    ['build', '--inject', 'npm', 'git@host:x/y'],
    1,
    'cannot give boxes to a build of "git@host:x/y": its Dockerfile cannot be read here',
    'clone it and build the directory, or give the Dockerfile on standard input: -f -'
  ]
])('%j is refused', async (args, code, message, hint) => {
  const { env } = await standIns(oldDocker('echo built'))
  const outcome = await runHere(args, { env, input: dockerfile })
  expect(outcome).toMatchObject({ code, stdout: '' })
  const [first, second = null] = outcome.stderr.split('\n')
  expect(first).toBe(`error: ${message}`)
  if (hint instanceof RegExp) expect(second).toMatch(hint)
  else expect(second).toBe(hint === null ? '' : `hint: ${hint}`)
})

test('an archive without the Dockerfile, or compressed in a way that is not known here, is refused', async () => {
  const { env } = await standIns(oldDocker('echo built'))
  expect(await runHere(['build', '-f', 'none', '-'], { env, input: await archive() })).toMatchObject({
    code: 1,
    stderr: 'error: cannot read "none": the build context holds no such file\n'
  })
  expect(await runHere(['build', '-'], { env, input: Buffer.from('fd377a585a000004', 'hex') })).toMatchObject(
    {
      code: 1,
      stderr:
        'error: cannot read the build context: it is compressed (xz)\n' +
        'hint: pipe it through "xz -dc" first\n'
    }
  )
})
