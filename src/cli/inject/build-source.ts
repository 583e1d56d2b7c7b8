import { createWriteStream, existsSync, statSync } from 'node:fs'
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { addAbortSignal, Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import { isUtf8 } from 'node:buffer'
import { quote, reasonOf, SecretboxError } from '../../base/errors.ts'
import { UsageError } from '../output/failure.ts'
import { isArchive, readFromArchive, withReplaced } from './context-archive.ts'

/** Where a Dockerfile comes from, and how docker gets another in its place. */
export interface BuildSource {
  /** What messages call the file. */
  readonly name: string
  readonly text: string
  /** docker's last arguments, and its input, for a build with this text. */
  deliver(text: string): Promise<Delivery>
}

export interface Delivery {
  readonly args: readonly string[]
  /** Null: docker's input is ours. */
  readonly input: AsyncIterable<Uint8Array> | Iterable<Uint8Array> | null
}

/** What is needed to get at a Dockerfile. */
interface Means {
  readonly stdin: Readable
  /** For files on the way. */
  readonly directory: string
  /** Ends the waiting for what comes from elsewhere. */
  readonly interrupted: AbortSignal
}

/**
 * Finds the Dockerfile as `docker build -f FILE CONTEXT` does, with everything that comes by our standard input.
 * What is at an HTTP URL is fetched here instead of by the builder. Null for a context that only the builder can get,
 * with the Dockerfile in it. Throws `invalid`, `not_found`, `UsageError`, and the abortion of `interrupted`.
 */
export async function openSource(
  means: Means,
  file: string | null,
  context: string
): Promise<BuildSource | null> {
  const { stdin, directory, interrupted } = means
  if (context === '-') {
    if (file === '-') throw new UsageError('standard input cannot be both the context and the Dockerfile')
    return fromStream(stdin, means, file)
  }
  const isLocal = statSync(context, { throwIfNoEntry: false })?.isDirectory() === true
  if (file === '-') {
    const text = textOf(await buffer(addAbortSignal(interrupted, stdin)), 'standard input')
    return isLocal
      ? toFile(text, 'Dockerfile', directory, null, context)
      : toInput(text, ['-f', '-', context])
  }
  if (isLocal) return fromDirectory(directory, file, context)
  if (!isUrl(context)) throw new UsageError(`cannot build ${quote(context)}: there is no such directory`)
  return isGit(context) ? null : fromStream(await fetched(context, interrupted), means, file)
}

async function fromDirectory(directory: string, file: string | null, context: string): Promise<BuildSource> {
  const path = file ?? ['Dockerfile', 'dockerfile'].map(name => join(context, name)).find(existsSync)
  if (path === undefined) throw new UsageError(`cannot build ${quote(context)}: it has no Dockerfile`)
  const bytes = await readFile(path).catch((error: unknown) => {
    throw new SecretboxError('invalid', `cannot read ${quote(path)}: ${reasonOf(error)}`)
  })
  const source = toFile(textOf(bytes, path), path, directory, `${path}.dockerignore`, context)
  const asGiven = { args: [...(file === null ? [] : ['-f', file]), context], input: null }
  return { ...source, deliver: async text => (text === source.text ? asGiven : source.deliver(text)) }
}

async function fromStream(
  stream: Readable,
  { directory, interrupted: signal }: Means,
  file: string | null
): Promise<BuildSource> {
  const spool = join(directory, 'context')
  await pipeline(stream, createWriteStream(spool, { mode: 0o600 }), { signal })
  if (!(await isArchive(spool))) {
    if (file !== null)
      throw new UsageError(`the context is a Dockerfile itself: there is none at ${quote(file)}`)
    return toInput(textOf(await readFile(spool), 'standard input'), ['-'])
  }
  const name = file ?? 'Dockerfile'
  return {
    name,
    text: textOf(await readFromArchive(spool, name), name),
    deliver: text =>
      Promise.resolve({
        args: [...(file === null ? [] : ['-f', file]), '-'],
        input: withReplaced(spool, name, Buffer.from(text))
      })
  }
}

/** The Dockerfile goes to docker in a directory of its own, for docker looks around where it lies. */
function toFile(
  text: string,
  path: string,
  directory: string,
  ignoreFile: string | null,
  context: string
): BuildSource {
  return {
    name: path,
    text,
    async deliver(changed) {
      const shown = join(directory, 'dockerfile')
      const copy = join(shown, basename(path))
      await mkdir(shown, { mode: 0o700 })
      await writeFile(copy, changed, { mode: 0o600 })
      if (ignoreFile !== null && existsSync(ignoreFile)) await copyFile(ignoreFile, `${copy}.dockerignore`)
      return { args: ['-f', copy, context], input: null }
    }
  }
}

function toInput(text: string, args: readonly string[]): BuildSource {
  return {
    name: 'Dockerfile',
    text,
    deliver: changed => Promise.resolve({ args, input: [Buffer.from(changed)] })
  }
}

function textOf(bytes: Buffer, name: string): string {
  if (!isUtf8(bytes)) throw new SecretboxError('invalid', `cannot read ${quote(name)}: it is not valid UTF-8`)
  return bytes.toString()
}

async function fetched(url: string, interrupted: AbortSignal): Promise<Readable> {
  const answer = await fetch(url, { signal: interrupted }).catch((error: unknown) => {
    const cause = error instanceof Error ? (error.cause ?? error) : error
    throw new SecretboxError('unavailable', `cannot fetch ${quote(url)}: ${reasonOf(cause)}`)
  })
  if (!answer.ok || answer.body === null) {
    throw new SecretboxError(
      'unavailable',
      `cannot fetch ${quote(url)}: the server answered ${answer.status}`
    )
  }
  return Readable.fromWeb(answer.body)
}

// What docker takes for a URL, and for one of a Git repository (docker/cli, build context: urlutil).
function isUrl(context: string): boolean {
  return /^(https?|git|ssh):\/\/|^git@|^github\.com\//.test(context)
}

function isGit(context: string): boolean {
  return !/^https?:\/\//.test(context) || /\.git(#|\?|$)/.test(context)
}
