import { existsSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { lastValue, valuesOf, wordsWithout, type CommandLine } from '../inject/command-line.ts'
import { mappingIn, textIn, type Mapping } from './box-secrets.ts'
import type { Composer } from './composer.ts'

/** The names that compose looks for, in the working directory and those around it. */
const usualNames = ['compose.yaml', 'compose.yml', 'docker-compose.yaml', 'docker-compose.yml']

/** A project as compose understands it, and the flags that name it again. */
export interface Project {
  readonly model: Mapping
  /** All of the flags before compose's command, but for those that say where the model comes from. */
  readonly flags: readonly string[]
}

/** Has compose put its files together; null when it cannot, which it says itself when it is run. */
export async function readProject(
  { client, words, version }: Composer,
  line: CommandLine,
  env: NodeJS.ProcessEnv
): Promise<Project | null> {
  const isOld = version[0] < 2
  const all = wordsWithout(line, [])
  // Also what another profile has: it may be asked for by name.
  const asked = isOld ? ['config'] : ['--profile', '*', 'config', '--format', 'json']
  const isInput = valuesOf(line, 'file').includes('-')
  const text = await client.ask([...words, ...all, ...asked], isInput ? 'inherit' : 'ignore')
  if (text === null) return null
  const model = mappingIn(isOld ? await parseYaml(text) : JSON.parse(text))
  const name = lastValue(line, 'project-name') ?? textIn(model['name'])
  return {
    model,
    flags: [
      ...wordsWithout(line, ['file', 'project-name', 'project-directory']),
      ...['--project-directory', directoryOf(line, env)],
      ...(name === null ? [] : ['--project-name', name])
    ]
  }
}

/** docker-compose writes YAML by the rules of its version 1.1. The library is one that no other command has to wait for. */
async function parseYaml(text: string): Promise<unknown> {
  const { parse } = await import('yaml')
  return parse(text, { version: '1.1' })
}

/** Where compose would look from: what is relative in the model is so to this directory, and a project has its name by it. */
function directoryOf(line: CommandLine, env: NodeJS.ProcessEnv): string {
  const given = lastValue(line, 'project-directory')
  if (given !== null) return resolve(given)
  const separator = env['COMPOSE_PATH_SEPARATOR'] || ':'
  const [file] = [...valuesOf(line, 'file'), ...(env['COMPOSE_FILE'] ?? '').split(separator)].filter(Boolean)
  if (file === '-') return process.cwd()
  if (file !== undefined) return dirname(resolve(file))
  for (let directory = process.cwd(); ; directory = dirname(directory)) {
    if (usualNames.some(name => existsSync(resolve(directory, name)))) return directory
    if (directory === dirname(directory)) return process.cwd()
  }
}
