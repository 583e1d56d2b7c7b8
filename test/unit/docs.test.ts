import { existsSync, globSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { parse } from 'yaml'
import { expect, test } from 'vitest'
import { firstSettings } from '../../install/settings.ts'
import { readPlaces } from '../../install/places.ts'
import { programDirectory } from '../../rootfs-build/plugin.ts'
import { defaultPaths, pluginName } from '../../src/base/default-paths.ts'
import { shellWords } from '../../src/cli/compose/shell-words.ts'
import { parseEnvBox } from '../../src/cli/inject/env-box.ts'
import { runInjectOptions } from '../../src/cli/inject/inject-options.ts'
import { parseInjection } from '../../src/cli/inject/injection.ts'
import { engineSayings, engineVersions } from '../../src/engine/words.ts'
import { explained } from '../kit/engine/words.ts'
import { cliOf, type Surroundings } from '../../src/cli/declare/cli.ts'
import { programFor } from '../../src/cli/program.ts'
import { readConfig } from '../../src/config.ts'
import { badSettings } from '../../src/settings.ts'
import { optionNames } from '../../src/volumes/options.ts'

const root = new URL('../../', import.meta.url).pathname
const text = (file: string): string => readFileSync(join(root, file), 'utf8')
const readme = text('README.md')
const documents = ['README.md', 'SECURITY.md', 'CHANGELOG.md', ...globSync('docs/*.md', { cwd: root })]

interface PluginConfig {
  readonly interface: { readonly socket: string }
  readonly entrypoint: readonly string[]
  readonly propagatedMount: string
  readonly linux: { readonly capabilities: readonly string[] }
  readonly env: readonly {
    readonly name: string
    readonly value: string
    readonly settable?: readonly string[]
  }[]
  readonly mounts: readonly {
    readonly name: string
    readonly source: string
    readonly destination: string
    readonly settable: readonly string[]
  }[]
}
const plugin = JSON.parse(text('plugin-config.json')) as PluginConfig
const { version } = JSON.parse(text('package.json')) as { version: string }

/** The rows of the first table after a heading, without its head, as cells. */
function tableBelow(heading: string): string[][] {
  const [, section = ''] = readme.split(`\n${heading}\n`)
  const lines = section.split('\n')
  const head = lines.findIndex(line => line.startsWith('| ---'))
  const rows = lines.slice(head + 1)
  return rows
    .slice(
      0,
      rows.findIndex(line => !line.startsWith('|'))
    )
    .map(row =>
      row
        .split(/(?<!\\)\|/)
        .slice(1, -1)
        .map(cell => cell.trim())
    )
}

function codesIn(cell = ''): string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map(([, code]) => code ?? '')
}

test("the README's table of volume options lists the options that there are", () => {
  const listed = tableBelow('## Volume options').map(([option]) => codesIn(option)[0])
  expect(listed).toEqual(optionNames)
})

test("the README's table of settings lists what plugin-config.json lets one set, with its defaults", () => {
  const listed = tableBelow('## Limits and settings').map(([name, value]) => [
    codesIn(name)[0],
    codesIn(value)[0]
  ])
  const settable = [
    ...plugin.env.filter(each => each.settable !== undefined).map(({ name, value }) => [name, value]),
    ...plugin.mounts.flatMap(({ name, source, settable }) =>
      settable.map(field => [`${name}.${field}`, source])
    )
  ]
  expect(listed).toEqual(settable)
})

test('the settings of plugin-config.json are those that the daemon reads, with what it takes without them', () => {
  const nonsense = new Proxy<Record<string, string>>({}, { get: () => '?' })
  const read = badSettings(nonsense).map(({ name, usual }) => [name, usual])
  const settable = plugin.env.filter(each => each.settable !== undefined)
  expect(settable.map(({ name, value }) => [name, value])).toEqual(read)
})

test('plugin-config.json names the places and mounts that the code knows', () => {
  const { data, key, dockerSocket, copies, pluginSocket } = defaultPaths
  expect(plugin.mounts.map(({ name, destination }) => [name, destination])).toEqual([
    ['data', data],
    ['key', key],
    ['docker', dockerSocket]
  ])
  const settings = firstSettings(readPlaces({}), dockerSocket)
  expect(settings.sources).toEqual(plugin.mounts.map(({ name, source }) => `${name}.source=${source}`))
  expect(plugin.propagatedMount).toBe(copies)
  expect(basename(pluginSocket)).toBe(plugin.interface.socket)
  expect(plugin.interface.socket).toBe(`${pluginName}.sock`)
  expect([plugin.entrypoint[0], plugin.entrypoint.at(-1)]).toEqual([
    `${programDirectory}/supervisor`,
    `${programDirectory}/daemon.mjs`
  ])
  expect(plugin.entrypoint).toContain(copies)
})

test("the README's table of commands lists the commands that there are", () => {
  // What a command works with is of no use before it runs.
  const cli = cliOf({ name: 'docker vault' } as Surroundings)
  const commands = programFor(cli, version).commands
  const listed = tableBelow('## Commands').map(([command]) => codesIn(command)[0]?.split(' ')[0])
  expect(listed).toEqual(commands.map(command => command.name()))
  const words = commands.flatMap(command => [command.name(), ...command.aliases()])
  for (const document of documents) {
    const used = [...text(document).matchAll(/docker vault ([a-z][a-z-]+) /g)].map(([, word]) => word)
    expect(words, document).toEqual(expect.arrayContaining(used))
  }
})

test("the README's messages of ours are in the code", () => {
  const sources = globSync('src/**/*.ts', { cwd: root }).map(text).join('\n')
  const messages = tableBelow('### What secretbox says').flatMap(([message]) => codesIn(message))
  expect(messages.length).toBeGreaterThan(20)
  const isInCode = (message: string): boolean =>
    message
      .split('…')
      .map(part => part.replace(/^["):,\s]+|["(:\s]+$/g, ''))
      .every(part => sources.includes(part))
  expect(messages.filter(message => !isInCode(message))).toEqual([])
})

test("the README's compose file is the example that lies in docs", () => {
  const blocks = [...readme.matchAll(/```yaml\n(.*?)```/gs)].map(([, block]) => block)
  expect(blocks).toEqual([text('docs/examples/compose.yaml')])
})

test('SECURITY.md says why for each capability that the plugin asks for, and for each mount', () => {
  const [, reasons = ''] = text('SECURITY.md').split('## Why the plugin may do what it may')
  for (const capability of plugin.linux.capabilities) expect(reasons).toContain(`\`${capability}\``)
  for (const { name } of plugin.mounts) expect(reasons).toContain(`mount \`${name}\``)
})

test('each Engine fact that the code cites is in docs/engine-facts.md, and its test is there', () => {
  const facts = [...text('docs/engine-facts.md').matchAll(/^\| (\d+) \|.*\| `([^`]+)` \|$/gm)]
  expect(facts.map(([, number]) => Number(number))).toEqual(facts.map((_, index) => index + 1))
  for (const [, , test = ''] of facts) expect(existsSync(join(root, test)), test).toBe(true)
  const sources = globSync(['src/**/*.ts', 'supervisor/*', 'rootfs-build/*', 'install/*'], { cwd: root })
  for (const file of sources)
    for (const [cited, number] of text(file).matchAll(/Engine\s(?:\* )?facts?\b(?: (\d+))?/g))
      expect(Number(number), `${file}: ${cited}`).toBeLessThanOrEqual(facts.length)
})

test('docs/engine-facts.md shows what Engines say side by side', () => {
  const [, section = ''] = text('docs/engine-facts.md').split('## What they say, side by side\n')
  const rows = section.split('\n').filter(line => line.startsWith('| '))
  const cellsOf = (versions: readonly string[]): string =>
    engineVersions.map(version => (versions.includes(version) ? 'seen' : '')).join(' | ')
  expect(rows).toEqual([
    `| when | what | ${engineVersions.join(' | ')} |`,
    `| --- | --- |${' --- |'.repeat(engineVersions.length)}`,
    ...[...engineSayings, ...explained].map(
      ({ means, says, seenOn }) => `| ${means} | \`${says}\` | ${cellsOf(seenOn)} |`
    )
  ])
})

test('the description of the API and the changelog are of this version', () => {
  const { info } = parse(text('docs/openapi.yaml')) as { info: { version: string } }
  expect(info.version).toBe(version)
  const [, newest] = /^## \[(.+?)\]/m.exec(text('CHANGELOG.md')) ?? []
  expect(['Unreleased', version]).toContain(newest)
})

test('links to files lead somewhere', () => {
  for (const document of documents) {
    for (const [, target = ''] of text(document).matchAll(/\]\(([^)#:]+)\)/g)) {
      expect(globSync(join(dirname(document), target), { cwd: root }), `${document}: ${target}`).toHaveLength(
        1
      )
    }
  }
})

test('the systemd unit runs the daemon as the plugin does', () => {
  const unit = text('packaging/secretbox.service')
  const [, command = ''] = /^ExecStart=(.*)$/m.exec(unit) ?? []
  const { LIB_DIR, DATA_DIR, KEY_DIR } = readPlaces({})
  // Its rootfs lies in a directory of the host, and its sockets in one that systemd makes for it alone.
  const expected = plugin.entrypoint
    .filter(word => !word.startsWith('--hold='))
    .map(word => (word === '/run' ? '/run/secretbox' : word.replace(/^\/usr\//, `${LIB_DIR}/daemon/usr/`)))
  expect(command.split(' ')).toEqual(expected)
  expect(unit).toContain(`\nRequiresMountsFor=${DATA_DIR} ${KEY_DIR}\n`)
  for (const { name, value } of plugin.env.filter(each => each.settable === undefined)) {
    expect(unit).toContain(`\nEnvironment=${name}=${value}\n`)
  }
  const environment = [...unit.matchAll(/^Environment=(SECRETBOX_\w+)=(.*)$/gm)].map(([, name, value]) => [
    name,
    value
  ])
  expect(readConfig(Object.fromEntries(environment) as Record<string, string>)).toEqual(readConfig({}))
  for (const capability of plugin.linux.capabilities) expect(unit).toContain(capability)
})

test('the index of what tests share names each of its files, and no other', () => {
  const named = [...text('test/kit/README.md').matchAll(/`([\w-]+(?:\.ts|\.c)|packages|other-engine)`/g)].map(
    ([, file]) => file
  )
  const files = globSync('test/kit/{,engine/}*', {
    cwd: root,
    exclude: ['**/README.md'],
    withFileTypes: true
  })
  const there = files.filter(file => file.isFile()).map(({ name }) => name)
  expect([...new Set(named)].sort()).toEqual([...new Set(there)].sort())
})

test('docs/inject.md shows the example of two users as it is', () => {
  expect(text('docs/inject.md')).toContain(`\`\`\`yaml\n${text('docs/examples/compose-users.yaml')}\`\`\`\n`)
})

test('boxes that the documents show on command lines are taken as they are written', () => {
  const commands = [...documents, 'src/cli/inject/run.ts'].flatMap(document =>
    text(document)
      .replaceAll(/\\\n\s*/g, ' ')
      .split('\n')
      .filter(line => /^docker vault |^ *'\$ (run|create-container) /.test(line))
      .map(line => line.replace(/^ *'(\$ .*)',?$/, '$1').split(/ [|&;]/)[0] ?? '')
  )
  const inline = documents.flatMap(document =>
    [
      ...text(document)
        .replaceAll('\n', ' ')
        .matchAll(/`([^`]*--(?:inject|env-box) [^`[]+)`/g)
    ].map(([, line]) => line ?? '')
  )
  const taken: string[] = []
  for (const line of [...commands, ...inline].filter(each => !each.includes('…'))) {
    const words = shellWords(line)
    for (const [index, word] of (words ?? []).entries()) {
      const value = words?.[index + 1] ?? ''
      if (word === '--inject') taken.push(parseInjection(value, runInjectOptions).box)
      else if (word === '--env-box' && !value.includes('=')) taken.push(parseEnvBox(value).box)
    }
  }
  expect(taken).toEqual(expect.arrayContaining(['a name, with a comma', 'db', 'staging-tls', 'app', 'mine']))
})
