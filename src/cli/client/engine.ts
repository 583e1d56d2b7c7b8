import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { homedir } from 'node:os'
import { join } from 'node:path'
import * as z from 'zod/mini'
import { defaultPaths } from '../../base/default-paths.ts'
import { errnoOf, quote, reasonOf } from '../../base/errors.ts'
import { OutOfReach } from '../output/failure.ts'
import { fitting } from './fitting.ts'
import { exchange, readAll, type Request } from './http.ts'
import type { EngineChoice } from './invocation.ts'

const answerTimeoutMs = 10_000
const maxAnswerBytes = 64 * 1024 * 1024

/** Where an Engine is, and how the user chose it, as messages call that; null: it is the usual one. */
export interface FoundEngine {
  readonly socket: string
  readonly chosenBy: string | null
}

/**
 * The Unix socket of the Engine that `docker` itself would talk to: `-H`, then `-c`, `DOCKER_HOST`,
 * `DOCKER_CONTEXT`, the chosen context, the default. Throws `OutOfReach` for an Engine on another machine.
 */
export async function findEngine(env: NodeJS.ProcessEnv, given: EngineChoice): Promise<FoundEngine> {
  const { address, chosenBy } = await engineAddress(env, given)
  const socket = /^unix:\/\/(\/.*)$/.exec(address)?.[1]
  if (socket === undefined) {
    throw new OutOfReach(
      `cannot reach the vault of the Engine at "${address}": only a local one can be managed`,
      "run this on the Engine's own host, or set SECRETBOX_SOCKET"
    )
  }
  return { socket, chosenBy }
}

/** The socket alone of `findEngine`. */
export async function findEngineSocket(env: NodeJS.ProcessEnv, given: EngineChoice): Promise<string> {
  return (await findEngine(env, given)).socket
}

/** `/` for a user whom passwd(5) does not know: there is nothing of theirs in it. */
function ownHome(): string {
  try {
    return homedir()
  } catch {
    return '/'
  }
}

async function engineAddress(
  env: NodeJS.ProcessEnv,
  given: EngineChoice
): Promise<{ address: string; chosenBy: string | null }> {
  if (given.host !== null) return { address: given.host, chosenBy: '--host' }
  const configDir = given.configDir ?? env['DOCKER_CONFIG'] ?? join(env['HOME'] || ownHome(), '.docker')
  if (given.context === null && env['DOCKER_HOST'])
    return { address: env['DOCKER_HOST'], chosenBy: 'DOCKER_HOST' }
  const context = given.context ?? env['DOCKER_CONTEXT'] ?? (await chosenContext(configDir))
  if (context === '' || context === 'default')
    return { address: `unix://${defaultPaths.dockerSocket}`, chosenBy: null }
  return {
    address: await contextAddress(configDir, context),
    chosenBy: `the docker context ${quote(context)}`
  }
}

async function chosenContext(configDir: string): Promise<string> {
  try {
    return (
      fitting(ClientConfig, await readFile(join(configDir, 'config.json'), 'utf8'), unfit).currentContext ??
      ''
    )
  } catch {
    return ''
  }
}

// docker/cli, cli/context/store: a context's metadata lies under the SHA-256 of its name.
async function contextAddress(configDir: string, context: string): Promise<string> {
  const id = createHash('sha256').update(context).digest('hex')
  const path = join(configDir, 'contexts', 'meta', id, 'meta.json')
  try {
    return fitting(ContextMeta, await readFile(path, 'utf8'), unfit).Endpoints.docker.Host
  } catch (error) {
    const message =
      errnoOf(error) === 'ENOENT'
        ? `there is no docker context ${quote(context)}`
        : `cannot read the docker context ${quote(context)}: ${errnoOf(error) === null ? 'its file is not what docker writes' : reasonOf(error)}`
    throw new OutOfReach(message, 'see: docker context ls')
  }
}

const ClientConfig = z.object({ currentContext: z.optional(z.string()) })
const ContextMeta = z.object({ Endpoints: z.object({ docker: z.object({ Host: z.string() }) }) })
const unfit = (reason: string): Error => new Error(reason)

/** Where the Engine tells of an image, by a reference or an ID. */
export function pathOfImage(name: string): string {
  return `/images/${name.split('/').map(encodeURIComponent).join('/')}`
}

/** Sends a request to the Engine, and resolves with the answer's head, whatever its status. Throws `OutOfReach`. */
export function exchangeWithEngine(
  socket: string,
  { method, path, body }: Pick<Request, 'method' | 'path'> & { readonly body?: unknown }
): Promise<IncomingMessage> {
  const server = { name: 'the Engine', socketPath: socket, hint: 'is dockerd running? see: docker version' }
  const json = body === undefined ? null : Buffer.from(JSON.stringify(body))
  return exchange(server, {
    method,
    path,
    headers: {
      Host: 'docker',
      ...(json === null ? {} : { 'Content-Type': 'application/json', 'Content-Length': json.length })
    },
    ...(json === null ? {} : { body: [json] }),
    timeoutMs: answerTimeoutMs
  })
}

/** Of an answer of the Engine that is neither yes nor no; `what`: what cannot be done. */
export function oddAnswer(what: string, status: number | undefined, hint?: string): OutOfReach {
  return new OutOfReach(`${what}: the Engine answered with status ${status ?? 0}`, hint, {
    wasAnswered: true
  })
}

/** Gone, not there, or somebody has it, or is removing it. */
const settled = [204, 404, 409]

/** Has the Engine remove what is at a path, unless somebody has it. `what` is that in words. Throws `OutOfReach`. */
export async function removeFromEngine(
  socket: string,
  path: string,
  what: string,
  hint?: string
): Promise<void> {
  const answer = await exchangeWithEngine(socket, { method: 'DELETE', path })
  answer.resume()
  if (!settled.includes(answer.statusCode ?? 0))
    throw oddAnswer(`cannot remove ${what}`, answer.statusCode, hint)
}

/**
 * Asks the Engine. Null when it knows no such thing, or nothing can have such a name; throws `OutOfReach` when it does
 * not answer, or something that does not fit the schema.
 */
export async function askEngine<Schema extends z.core.$ZodType>(
  socket: string,
  path: string,
  schema: Schema
): Promise<z.output<Schema> | null> {
  const answer = await exchangeWithEngine(socket, { method: 'GET', path })
  const text = (await readAll(answer, maxAnswerBytes)).toString()
  if (answer.statusCode === 404 || answer.statusCode === 400) return null
  const odd = (message: string): Error => new OutOfReach(message, undefined, { wasAnswered: true })
  if (answer.statusCode !== 200)
    throw odd(`the Engine at "${socket}" answered with status ${answer.statusCode ?? 0}`)
  return fitting(schema, text, reason =>
    odd(`cannot read the answer of the Engine at "${socket}" to GET ${path}: ${reason}`)
  )
}
