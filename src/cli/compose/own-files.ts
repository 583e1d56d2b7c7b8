import { readFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { quote, reasonOf, SecretboxError } from '../../base/errors.ts'
import { UsageError } from '../output/failure.ts'
import { entriesIn, mappingIn, serviceIn, textIn, type Mapping } from './model.ts'
import { refuseUnknownKeys, secretKey, variablesKey } from './vault-keys.ts'

/** Nobody extends deeper; a circle compose has refused. */
const maxDepth = 32

/**
 * What `x-vault-env` says in these files of a project, by service: docker-compose 1.29 drops it wherever it merges, files with files
 * or a service with what it extends. The last file that says anything counts. Throws `UsageError` for what it would have replaced variables in.
 */
export async function variablesInFiles(files: readonly string[]): Promise<ReadonlyMap<string, unknown>> {
  const found = new Map<string, unknown>()
  for (const file of files) {
    const model = await readYaml(file)
    refuseUnknownKeys(model)
    for (const [service] of entriesIn(model['services'])) {
      const given = await givenIn(file, model, service, maxDepth)
      if (given !== undefined) found.set(service, withoutVariables(given, service))
    }
  }
  return found
}

/** The secrets that say in these files of a project whose file of a box they are, and nothing else. One that cannot be read compose tells of. */
export async function secretsOfBoxesAlone(files: readonly string[]): Promise<readonly string[]> {
  const said = new Map<string, Set<string>>()
  for (const file of files) {
    const model: Mapping = await readYaml(file).catch(() => ({}))
    for (const [name, fields] of entriesIn(model['secrets']))
      said.set(name, new Set([...(said.get(name) ?? []), ...Object.keys(fields)]))
  }
  const isAlone = (keys: ReadonlySet<string>): boolean =>
    keys.has(secretKey) && sources.every(key => !keys.has(key))
  return [...said].flatMap(([name, keys]) => (isAlone(keys) ? [name] : []))
}

/** Where compose would have a secret from. */
const sources = ['external', 'file', 'environment', 'driver']

async function givenIn(file: string, model: Mapping, service: string, depth: number): Promise<unknown> {
  const fields = serviceIn(model, service)
  const base = fields['extends']
  if (fields[variablesKey] !== undefined || base === undefined || depth === 0) return fields[variablesKey]
  const name = textIn(typeof base === 'string' ? base : mappingIn(base)['service']) ?? ''
  const other = textIn(mappingIn(base)['file'])
  if (other === null) return givenIn(file, model, name, depth - 1)
  const place = resolve(dirname(file), other)
  return givenIn(place, await readYaml(place), name, depth - 1)
}

function withoutVariables(given: unknown, service: string): unknown {
  const texts = Array.isArray(given) ? (given as unknown[]) : [given]
  if (!texts.some(text => typeof text === 'string' && text.replaceAll('$$', '').includes('$'))) return given
  throw new UsageError(
    `bad ${variablesKey} of service ${quote(service)}: docker-compose 1.29 drops it where it merges files, and replaces no variables in it`,
    'write the names of the boxes out, or use Compose 2'
  )
}

async function readYaml(file: string): Promise<Mapping> {
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (error) {
    throw new SecretboxError('invalid', `cannot read ${quote(file)}: ${reasonOf(error)}`)
  }
  return mappingIn(await parseYaml(text, quote(file)))
}

/**
 * Reads YAML, by the rules of its version 1.1 as docker-compose does unless told otherwise. The library is one that no other command has to wait for. `what`
 * is where the text comes from. Throws `invalid`, which says nothing of the text: it may hold what variables were replaced by.
 */
export async function parseYaml(
  text: string,
  what: string,
  version: '1.1' | '1.2' = '1.1'
): Promise<unknown> {
  const { parseDocument } = await import('yaml')
  const document = parseDocument(text, { version, merge: true, logLevel: 'silent' })
  const [error] = document.errors
  if (error === undefined) {
    try {
      return document.toJS({ maxAliasCount: -1 })
    } catch {
      throw new SecretboxError('invalid', `cannot read ${what}: an alias in it leads nowhere`)
    }
  }
  const line = error.linePos?.[0].line
  throw new SecretboxError(
    'invalid',
    `cannot read ${what}: ${line === undefined ? 'it' : `line ${line}`} is not YAML`
  )
}
