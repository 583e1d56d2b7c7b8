import { existsSync, readFileSync } from 'node:fs'
import { basename, dirname, resolve } from 'node:path'
import { lastValue, valuesOf, wordsWithout, type CommandLine } from '../inject/command-line.ts'
import type { Composer } from './composer.ts'
import { entriesIn, mappingIn, textIn, type Mapping } from './model.ts'
import { parseYaml, secretsOfBoxesAlone, variablesInFiles } from './own-files.ts'
import { variablesKey } from './vault-keys.ts'

/** The names that compose looks for, in the working directory and those around it; each may have an `override` beside it. */
const usualNames = ['compose.yaml', 'compose.yml', 'docker-compose.yaml', 'docker-compose.yml']

/** A project as compose understands it, and the flags that name it again. */
export interface Project {
  readonly model: Mapping
  /** What compose calls it. */
  readonly name: string
  /** All of the flags before compose's command, but for those that say where the model comes from. */
  readonly flags: readonly string[]
}

/**
 * Has compose put its files together; null when it cannot, which it says itself when it is run. Throws `invalid` for what nobody can
 * read, and says nothing of it.
 */
export async function readProject(
  { client, words, version: [major, minor] }: Composer,
  line: CommandLine,
  env: NodeJS.ProcessEnv
): Promise<Project | null> {
  const isOld = major < 2
  // Compose 2 leaves out of JSON what begins with `x-`.
  const lenient = major > 2 || minor >= 10 ? ['--no-consistency'] : []
  // Also what another profile has: it may be asked for by name.
  const asked = isOld ? ['config'] : ['--profile', '*', 'config', ...lenient]
  const { flags, input } = isOld ? asWritten(line) : await withSecrets(line, env)
  const text = await client.ask([...words, ...flags, ...asked], input)
  if (text === null) return null
  const said = mappingIn(await parseYaml(text, 'what compose says of the project', isOld ? '1.1' : '1.2'))
  const model = isOld ? withVariables(said, await variablesInFiles(filesOf(line, env))) : said
  const directory = directoryOf(line, env)
  const given = lastValue(line, 'project-name')
  return {
    model,
    name: given ?? textIn(model['name']) ?? usualNameOf(directory, env),
    flags: [
      ...wordsWithout(line, ['file', 'project-name', 'project-directory']),
      ...['--project-directory', directory],
      ...nameFlags(given ?? textIn(model['name']))
    ]
  }
}

function nameFlags(name: string | null): string[] {
  return name === null ? [] : ['--project-name', name]
}

/** What compose reads, and from where. */
interface Reading {
  readonly flags: readonly string[]
  readonly input: 'ignore' | 'inherit' | { readonly text: string }
}

function asWritten(line: CommandLine): Reading {
  const isInput = valuesOf(line, 'file').includes('-')
  return { flags: wordsWithout(line, []), input: isInput ? 'inherit' : 'ignore' }
}

/** Compose 2 takes no secret that says nothing but `x-vault`: it is told beside the files that these are external. */
async function withSecrets(line: CommandLine, env: NodeJS.ProcessEnv): Promise<Reading> {
  const written = asWritten(line)
  const secrets = written.input === 'inherit' ? [] : await secretsOfBoxesAlone(filesOf(line, env))
  if (secrets.length === 0) return written
  const external = Object.fromEntries(secrets.map(name => [name, { external: true }]))
  const files = filesOf(line, env).flatMap(file => ['--file', file])
  return {
    flags: [
      ...wordsWithout(line, ['file', 'project-directory']),
      ...['--project-directory', directoryOf(line, env), ...files, '--file', '-']
    ],
    input: { text: JSON.stringify({ secrets: external }) }
  }
}

function withVariables(model: Mapping, variables: ReadonlyMap<string, unknown>): Mapping {
  const services = entriesIn(model['services']).map(([name, fields]) => {
    const given = fields[variablesKey] ?? variables.get(name)
    return [name, given === undefined ? fields : { ...fields, [variablesKey]: given }] as const
  })
  return { ...model, services: Object.fromEntries(services) }
}

/** The files that the user names. */
function namedFiles(line: CommandLine, env: NodeJS.ProcessEnv): string[] {
  const named = valuesOf(line, 'file')
  const separator = env['COMPOSE_PATH_SEPARATOR'] || ':'
  return named.length > 0 ? named : (env['COMPOSE_FILE'] ?? '').split(separator).filter(Boolean)
}

/** The files that compose reads, but for its input. */
function filesOf(line: CommandLine, env: NodeJS.ProcessEnv): string[] {
  const named = namedFiles(line, env)
  if (named.length > 0) return named.filter(file => file !== '-').map(file => resolve(file))
  const directory = usualDirectory()
  const there = (names: readonly string[]): string[] =>
    names.map(name => resolve(directory, name)).filter(file => existsSync(file))
  const [usual] = there(usualNames)
  const [override] = there(usualNames.map(name => name.replace('.', '.override.')))
  return [usual, override].filter(file => file !== undefined)
}

/** Where compose would look from: what is relative in the model is so to this directory, and a project has its name by it. */
function directoryOf(line: CommandLine, env: NodeJS.ProcessEnv): string {
  const given = lastValue(line, 'project-directory')
  if (given !== null) return resolve(given)
  const [file] = namedFiles(line, env)
  if (file === undefined) return usualDirectory()
  return file === '-' ? process.cwd() : dirname(resolve(file))
}

function usualDirectory(): string {
  for (let directory = process.cwd(); ; directory = dirname(directory)) {
    if (usualNames.some(name => existsSync(resolve(directory, name)))) return directory
    if (directory === dirname(directory)) return process.cwd()
  }
}

/** What docker-compose 1.29 calls a project that nobody gave a name (compose, cli/command.py, get_project_name). */
function usualNameOf(directory: string, env: NodeJS.ProcessEnv): string {
  const name = env['COMPOSE_PROJECT_NAME'] || nameInDotEnv(directory) || basename(directory)
  return name.toLowerCase().replace(/[^-_a-z0-9]/g, '') || 'default'
}

function nameInDotEnv(directory: string): string | undefined {
  const file = resolve(directory, '.env')
  if (!existsSync(file)) return undefined
  const [, name] = /^\s*COMPOSE_PROJECT_NAME=(.*)$/m.exec(readFileSync(file, 'utf8')) ?? []
  return name?.trim().replace(/^(["'])(.*)\1$/, '$2')
}
