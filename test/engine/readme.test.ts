import { cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { runCommand, type CommandOptions } from './command.ts'
import { importTestImage, testImage } from './image.ts'
import { installPlugin, linkCli } from './plugin.ts'
import { startPrivateEngine, type PrivateEngine } from './private-engine.ts'
import { makeBox, mountArgument, runScript } from './shared-engine.ts'

const readme = await readFile(new URL('../../README.md', import.meta.url), 'utf8')
let engine: PrivateEngine
let scratch: string

beforeAll(async () => {
  // A network of its own, so that docker-compose may make one for its project.
  engine = await startPrivateEngine({ ownNetwork: true })
  scratch = join(engine.root, 'scratch')
  await mkdir(scratch)
  await importTestImage(engine)
  await linkCli(engine)
  await installPlugin(engine)
  await engine.docker(['tag', testImage, 'debian'])
})

afterAll(() => engine.stop())

/** The code blocks in a language below a heading, down to the next one. */
function blocksBelow(heading: string, language: string): string[] {
  const [, below = ''] = readme.split(`\n${heading}\n`)
  const [section = ''] = below.split(/\n##+ /)
  // A block in a list is indented.
  const blocks = [...section.matchAll(/^( *)```(\w+)\n(.*?)^ *```$/gms)]
  return blocks
    .filter(([, , of]) => of === language)
    .map(([, indent = '', , block = '']) => block.replaceAll(new RegExp(`^${indent}`, 'gm'), ''))
}

/** Runs a block as a user does, line by line until one fails, in a directory for this. Gives what it says. */
function run(block: string, options: CommandOptions = {}): Promise<string> {
  return runCommand('sh', ['-e', '-c', block], { cwd: scratch, ...options, env: engine.env })
}

test('the sixty seconds do what they say, twice in a row', async () => {
  const [install, make, inject, change, takeAway, ...more] = blocksBelow('## Sixty seconds', 'sh')
  expect(more).toEqual([])
  // test/engine/install.test.ts runs this one.
  expect(install).toBe('make install\n')
  for (let round = 0; round < 2; round++) {
    const made = await run(make ?? '')
    expect(made).toContain('db:api/\ndb:api/token\ndb:password\n')
    expect(made).toMatch(/ on \/run\/vault\/db type (tmpfs|ramfs) \(ro,nosuid,nodev,noexec,/)
    expect(made).toMatch(/[A-Za-z0-9]{32}$/)
    expect(await run(inject ?? '')).toMatch(/-rw------- .* password\n/)
    const password = await engine.docker(['exec', 'app', 'cat', '/run/vault/db/password'])
    expect(made.endsWith(password)).toBe(true)
    await run(change ?? '')
    const changed = await engine.docker(['exec', 'app', 'cat', '/run/vault/db/password'])
    expect(changed).toBe(await engine.docker(['vault', 'read', 'db:password']))
    expect(changed).not.toBe(password)
    await run(takeAway ?? '')
    expect(await engine.docker(['vault', 'list'])).toBe('')
    expect(await engine.docker(['volume', 'ls', '--quiet'])).toBe('')
  }
})

test('the compose file gives its service the box, at the second time too', async () => {
  const [composeFile, ...more] = blocksBelow('## Compose', 'yaml')
  expect(more).toEqual([])
  const project = join(engine.root, 'composed')
  await mkdir(project)
  await writeFile(join(project, 'compose.yaml'), composeFile ?? '')
  // In the place of the real one: an image of that name whose user, and whose use of the variable, are the same.
  const made = join(engine.root, 'postgres')
  await mkdir(made)
  const dockerfile = `FROM ${testImage}\nUSER 999\nCMD ls -ln $POSTGRES_PASSWORD_FILE; cat $POSTGRES_PASSWORD_FILE\n`
  await writeFile(join(made, 'Dockerfile'), dockerfile)
  await engine.docker(['build', '--tag', 'postgres:17', made], { env: { DOCKER_BUILDKIT: '0' } })
  await makeBox(engine, 'db', { password: 'hunter2' })
  const compose = (...args: string[]): Promise<string> =>
    runCommand('docker-compose', ['--no-ansi', '--file', 'compose.yaml', ...args], {
      cwd: project,
      env: engine.env
    })
  for (const again of [[], ['--force-recreate']]) {
    await compose('up', '--no-color', ...again)
    expect(await compose('logs', '--no-color', '--no-log-prefix')).toMatch(
      /-r-------- .* 999 .* \/run\/vault\/db\/password\n.*hunter2/
    )
  }
  await compose('down', '--volumes')
  expect(await engine.docker(['volume', 'ls', '--quiet'])).not.toContain('composed_db')
  expect(await engine.docker(['vault', 'read', 'db:password'])).toBe('hunter2')
})

test('a setting is set as it says, while a container runs', async () => {
  const [block, ...more] = blocksBelow('## Limits and settings', 'sh')
  expect(more).toEqual([])
  await engine.docker(['volume', 'create', '-d', 'secretbox', 'db'])
  await engine.docker([
    'run',
    '-d',
    '--name',
    'meanwhile',
    ...mountArgument({ volume: 'db' }),
    testImage,
    'sleep',
    '999'
  ])
  await run(block ?? '')
  expect(await engine.docker(['exec', 'meanwhile', 'cat', '/secrets/password'])).toBe('hunter2')
  await engine.docker(['rm', '--force', 'meanwhile'])
  expect(await engine.docker(['vault', 'status'])).toMatch(/max versions: +20\n/)
})

test('a cold backup is restored, with boxes and volumes', async () => {
  const [backup, ...more] = blocksBelow('## Backup and restore', 'sh')
  expect(more).toEqual([])
  const copies = join(scratch, 'backup')
  await mkdir(copies)
  await run(
    (backup ?? '').replaceAll('/var/lib/secretbox', engine.pluginData).replaceAll('/path/to/backup', copies)
  )
  expect(await readdir(copies)).toContain('store.db')
  await cp(join(engine.pluginKey, 'key'), join(copies, 'key'), { preserveTimestamps: true })

  await engine.docker(['vault', 'destroy', 'db'])
  await engine.docker(['volume', 'rm', 'db'])
  // In the words below "Restore".
  await run(`docker plugin disable -f secretbox
    rm ${engine.pluginData}/store.db* ${engine.pluginKey}/key
    cp -a ${copies}/store.db* ${engine.pluginData}/
    cp -a ${copies}/key ${engine.pluginKey}/
    docker plugin enable secretbox
    docker vault status`)
  expect(await engine.docker(['volume', 'ls', '--quiet'])).toBe('db\n')
  expect(await runScript(engine, mountArgument({ volume: 'db' }), 'cat /secrets/password')).toBe('hunter2')
})
