import { copyFile, cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { parseStart } from '../../src/cli/start.ts'
import { temporaryDirectory } from '../kit/temporary.ts'
import { done, runProgram } from '../kit/run-program.ts'
import { standIns } from './stand-ins.ts'
import { useCli } from '../kit/use-cli.ts'

const { run, daemon, program } = useCli()
const image = { web: {} }

beforeAll(async () => {
  await run(['create', 'db'])
})

/** A script that betrays a Node which runs it, and files that tell a Node to run it. */
async function traps(): Promise<{ directory: string; script: string; sprung: () => Promise<string> }> {
  const directory = temporaryDirectory()
  const [script, mark] = [join(directory, 'evil.js'), join(directory, 'mark')]
  await writeFile(script, `require('fs').appendFileSync(${JSON.stringify(mark)}, 'sprung')`)
  await writeFile(join(directory, 'env'), `NODE_OPTIONS=--require ${script}\nA=1\n`)
  await writeFile(join(directory, 'node.config.json'), JSON.stringify({ nodeOptions: { require: [script] } }))
  return { directory, script, sprung: () => readFile(mark, 'utf8').catch(() => '') }
}

test.each([
  ['--env-file', 'env'],
  ['--env-file=env'],
  ['--env-file-if-exists=env'],
  ['--experimental-config-file=node.config.json'],
  ['--experimental-config-file', 'node.config.json'],
  ['--experimental-default-config-file'],
  ['--config-file=node.config.json'],
  ['--require=./evil.js'],
  ['--import=./evil.js'],
  ['-r', './evil.js'],
  ['--inspect-brk=127.0.0.1:0']
])("what looks like an option of Node is docker's or the container's alone: %s %s", async (...words) => {
  const { directory, sprung } = await traps()
  const { env, calls } = await standIns('exit 0', image)
  const args = ['run', 'web', 'node', ...words]
  expect(await run(args, { env, cwd: directory })).toMatchObject(done())
  expect(await calls()).toEqual([args])
  if (words.join().startsWith('--env-file')) {
    // Of docker's own flags there is this one.
    const flag = ['run', `--env-file=${join(directory, 'env')}`, 'web']
    expect(await run(flag, { env })).toMatchObject(done())
    expect((await calls())[1]).toEqual(flag)
  }
  expect(await sprung()).toBe('')
})

test('variables that Node obeys are not obeyed here, and docker gets them as they are', async () => {
  const { directory, script, sprung } = await traps()
  const variables = {
    NODE_OPTIONS: `--require ${script}`,
    NODE_REPL_EXTERNAL_MODULE: script,
    NODE_PATH: directory,
    NODE_EXTRA_CA_CERTS: join(directory, 'none.pem'),
    NODE_V8_COVERAGE: join(directory, 'coverage'),
    NODE_DEBUG: 'fs,http,child_process',
    NODE_CHANNEL_FD: '2',
    NODE_REDIRECT_WARNINGS: join(directory, 'warnings'),
    NODE_COMPILE_CACHE: join(directory, 'cache'),
    OPENSSL_CONF: join(directory, 'none.cnf'),
    'with.dots': 'line\nline',
    EMPTY: ''
  }
  const { env } = await standIns('exec cat /proc/self/environ', image)
  const { code, stdout, stderr } = await run(['run', 'web'], { env: { ...env, ...variables } })
  expect([code, stderr]).toEqual([0, ''])
  const got = stdout.split('\0')
  // The script that stands in for docker loses names with dots; so does the one that a checkout has for the program.
  for (const [name, value] of Object.entries(variables))
    if (name !== 'with.dots') expect(got).toContain(`${name}=${value}`)
  expect(stdout).not.toContain('SECRETBOX_START')
  expect(await sprung()).toBe('')
  expect((await runProgram('ls', [directory])).stdout).toBe('env\nevil.js\nnode.config.json\n')
})

test('arguments reach docker as they were typed, however odd or many', async () => {
  const { env, calls } = await standIns('exit 0', image)
  const odd = [
    'a b',
    '',
    '\n',
    '\'"$x`\\',
    'ü\u0007',
    '--',
    '-',
    ...Array<string>(20).fill('x'.repeat(100_000))
  ]
  // An empty argument ends a call in what stands in for docker.
  const args = ['run', 'web', ...odd.filter(word => word !== '')]
  expect(await run(args, { env })).toMatchObject(done())
  expect(await calls()).toEqual([args])
  const { env: counting } = await standIns('printf "%s|" "$@"', image)
  expect(await run(['run', 'web', '', 'a', ''], { env: counting })).toMatchObject(done('run|web||a||'))
})

test('an argument that is no text is refused rather than changed', async () => {
  const { env, calls } = await standIns('exit 0', image)
  const script = '"$0" run web "$(printf \'a\\377b\')"'
  expect(await runProgram('sh', ['-c', script, program], { env })).toMatchObject({
    code: 2,
    stderr: 'error: cannot read argument 3: "a\uFFFDb" is not UTF-8\n'
  })
  expect(await calls()).toEqual([])
})

test('descriptors that were opened for docker reach it, under their numbers', async () => {
  const directory = temporaryDirectory()
  await writeFile(join(directory, 'low'), 'low')
  await writeFile(join(directory, 'high'), 'high')
  const { env } = await standIns('cat /dev/fd/3 /dev/fd/200 && ! test -e /dev/fd/4', image)
  const script = `exec "$0" run --inject db web 3<${directory}/low 200<${directory}/high`
  const all = { ...env, SECRETBOX_SOCKET: daemon().adminSocket }
  for (const closed of ['', ' <&-', ' 2>&-'])
    expect(await runProgram('bash', ['--norc', '-c', script + closed, program], { env: all })).toMatchObject(
      done('lowhigh')
    )
  const substituted = '"$0" create-container --inject db --label-file <(printf substituted) web'
  const { env: reading } = await standIns('cat "${@:$#-1:1}"', image)
  const docker = join(String(reading['PATH']).split(':')[0] ?? '', 'docker')
  await writeFile(docker, (await readFile(docker, 'utf8')).replace('#!/bin/sh', '#!/bin/bash'))
  expect(
    await runProgram('bash', ['--norc', '-c', substituted, program], { env: { ...all, ...reading } })
  ).toMatchObject(done('substituted'))
})

test('descriptors that were opened for the editor reach it', async () => {
  const directory = temporaryDirectory()
  await writeFile(join(directory, 'new'), 'from descriptor 5')
  const env = { ...process.env, SECRETBOX_SOCKET: daemon().adminSocket, EDITOR: 'cat <&5 >' }
  const script = `exec "$0" edit db:pw 5<${directory}/new`
  expect(await runProgram('bash', ['--norc', '-c', script, program], { env })).toMatchObject({ code: 0 })
  expect(await run(['read', 'db:pw'])).toMatchObject(done('from descriptor 5'))
})

test('it starts from anywhere, by whatever link, and keeps the name it is called by', async () => {
  const place = join(temporaryDirectory(), "it's $HOME `here`")
  await cp(join(dirname(program), 'cli'), join(place, 'lib'), { recursive: true, verbatimSymlinks: true })
  await mkdir(join(place, 'bin'))
  await symlink('../lib/docker-vault', join(place, 'bin/secretbox'))
  await symlink('secretbox', join(place, 'bin/-x'))
  const usage = (name: string) => expect.stringMatching(new RegExp(`^Usage: ${name} COMMAND`)) as string
  const PATH = `${join(place, 'bin')}:${process.env['PATH'] ?? ''}`
  const secretbox = join(place, 'bin/secretbox')
  expect(await runProgram(secretbox, [])).toMatchObject({ code: 0, stdout: usage('secretbox') })
  expect(await runProgram('sh', ['-c', 'secretbox'], { env: { PATH } })).toMatchObject({
    code: 0,
    stdout: usage('secretbox')
  })
  expect(await runProgram('./-x', ['list', '--help'], { cwd: join(place, 'bin') })).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^Usage: docker-vault list\|ls /) as string
  })
})

test('docker is told what the plugin is without a Node; all else without one is an error', async () => {
  const directory = temporaryDirectory()
  const alone = join(directory, 'docker-vault')
  await copyFile(join(dirname(program), 'cli/docker-vault'), alone)
  const { version } = JSON.parse(await readFile('package.json', 'utf8')) as { version: string }
  const { code, stdout } = await runProgram(alone, ['docker-cli-plugin-metadata'])
  expect(code).toBe(0)
  expect(JSON.parse(stdout)).toEqual({
    SchemaVersion: '0.1.0',
    Vendor: 'secretbox',
    Version: version,
    ShortDescription: 'Keep secrets in encrypted boxes and give them to containers'
  })
  expect(await runProgram(alone, ['list'])).toMatchObject({
    code: 1,
    stderr: `error: cannot start: ${directory}/node: No such file or directory\n`
  })
})

test('a Node that is given the program as its script runs it, too', async () => {
  expect(await runProgram(process.execPath, [program, '--version'])).toMatchObject({ code: 0 })
})

test('what is handed on is read to the byte', () => {
  const given = Buffer.from(
    '3\x003,63,\x00docker-vault\x00\x00a\nb\x00A=1\x00B=x=y\nz\x00A=2\x00=odd\x00odd\x00'
  )
  expect(parseStart(given)).toEqual({
    argv: ['docker-vault', '', 'a\nb'],
    env: Object.assign(Object.create(null), { A: '1', B: 'x=y\nz' }) as unknown,
    descriptors: [3, 63]
  })
})
