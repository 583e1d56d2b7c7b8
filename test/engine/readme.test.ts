import { cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { clients } from '../kit/engine/clients.ts'
import { runCommand, tryCommand, type CommandOptions, type Finished } from '../kit/engine/command.ts'
import { importTestImage, testImage } from '../kit/engine/image.ts'
import { installPlugin, linkCli } from '../kit/engine/plugin.ts'
import { startPrivateEngine, type PrivateEngine } from '../kit/engine/private-engine.ts'
import { makeBox, mountArgument, runScript } from '../kit/engine/shared-engine.ts'
import { explained, versionOf } from '../kit/engine/words.ts'

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
  // Compose 2 keeps a last line that has no end to itself.
  const shows = 'ls -ln $POSTGRES_PASSWORD_FILE; cat $POSTGRES_PASSWORD_FILE; echo'
  const dockerfile = `FROM ${testImage}\nUSER 999\nCMD ${shows}\n`
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
  expect(await engine.docker(['vault', 'status'])).toMatch(/Max Versions: +20\n/)
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

/** A case in which Docker says what the README tells of; what `provoke` changes, `restore` puts right. */
interface Case {
  readonly means: (typeof explained)[number]['means']
  readonly provoke: () => Promise<Finished>
  readonly restore?: () => Promise<unknown>
}

const enable = (): Promise<unknown> => engine.docker(['plugin', 'enable', 'secretbox'])
const disable = (): Promise<unknown> => engine.docker(['plugin', 'disable', '--force', 'secretbox'])

const cases: readonly Case[] = [
  {
    means: 'a plugin with volumes is to be disabled',
    provoke: () => engine.tryDocker(['plugin', 'disable', 'secretbox'])
  },
  {
    means: 'something of an enabled plugin is to be set',
    provoke: () => engine.tryDocker(['plugin', 'set', 'secretbox', 'LOG_LEVEL=warn'])
  },
  {
    means: 'a volume is wanted while its plugin is disabled',
    async provoke() {
      await disable()
      return engine.tryDocker(['run', '--rm', ...mountArgument({ volume: 'db' }), testImage, 'true'])
    },
    restore: enable
  },
  {
    means: 'a directory of the plugin is missing when it is enabled',
    async provoke() {
      await disable()
      await engine.docker(['plugin', 'set', 'secretbox', 'key.source=/nowhere'])
      return engine.tryDocker(['plugin', 'enable', 'secretbox'])
    },
    async restore() {
      await engine.docker(['plugin', 'set', 'secretbox', `key.source=${engine.pluginKey}`])
      await enable()
    }
  },
  {
    means: 'an empty copy is to be where the image of a new container has files',
    async provoke() {
      const own = ['run', '--name', 'own', testImage, 'sh', '-c', 'mkdir /secrets && echo own > /secrets/own']
      await engine.docker(own)
      await engine.docker(['commit', 'own', 'own-files'])
      const mount = mountArgument({ box: 'missing', optional: 'true' })
      return engine.tryDocker(['create', ...mount, 'own-files'])
    }
  },
  {
    means: 'compose meets the volume of a `driver: secretbox` again',
    async provoke() {
      const project = join(scratch, 'short')
      await mkdir(project)
      const service = `  one:\n    image: ${testImage}\n    network_mode: none\n    command: "true"\n    volumes: ["db:/x"]`
      const file = `version: "2"\nservices:\n${service}\nvolumes:\n  db:\n    driver: secretbox\n    driver_opts: { box: db }\n`
      await writeFile(join(project, 'docker-compose.yaml'), file)
      const up = (): Promise<Finished> =>
        tryCommand('docker-compose', ['--no-ansi', 'up'], { cwd: project, env: engine.env })
      expect(await up()).toMatchObject({ code: 0 })
      return up()
    }
  },
  {
    means: 'a mount names a volume that the driver `local` has',
    async provoke() {
      await engine.docker(['volume', 'create', 'plain'])
      return engine.tryDocker(['run', '--rm', ...mountArgument({ volume: 'plain' }), testImage, 'true'])
    }
  }
]

test.each(clients)('without the program among its plugins, %s says what the README tells', async client => {
  const { stderr } = await tryCommand(client, ['vault', 'list'], {
    env: { ...engine.env, DOCKER_CONFIG: scratch }
  })
  const said = stderr.split('\n')[0]?.replace(/^docker: |\.$/g, '') ?? ''
  expect(['unknown command: docker vault', "'vault' is not a docker command"]).toContain(said)
  expect(readme).toContain(`\`${said}\``)
})

test('each message that the README explains is brought about below', () => {
  const [, below = ''] = readme.split('\n### What Docker says\n')
  const rows = (below.split('\n### ')[0] ?? '').split('\n').filter(line => line.startsWith('| `'))
  const first = rows.map(row => row.split(' | ')[0] ?? '')
  for (const { says } of explained) expect(first.filter(cell => cell.includes(says))).toHaveLength(1)
  expect(new Set(cases.map(({ means }) => means))).toEqual(new Set(explained.map(({ means }) => means)))
})

test.each(cases)('Docker says what the README tells: $means', async ({ means, provoke, restore }) => {
  const version = await versionOf(engine)
  const { code, stderr } = await provoke()
  const sayings = explained.filter(saying => saying.means === means)
  for (const { says, seenOn } of sayings)
    expect({ says: holds(stderr, says), stderr }).toEqual({ says: isAmong(version, seenOn), stderr })
  expect(code !== 0).toBe(sayings.some(({ seenOn }) => isAmong(version, seenOn)))
  await restore?.()
})

const isAmong = (version: string, versions: readonly string[]): boolean => versions.includes(version)

/** Whether a text says this; `…` stands for anything. */
function holds(text: string, says: string): boolean {
  const [first = '', second = ''] = says.split('…')
  const from = text.indexOf(first)
  return from !== -1 && text.slice(from + first.length).includes(second)
}
