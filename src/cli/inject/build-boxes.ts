import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { quote, SecretboxError } from '../../base/errors.ts'
import { childOf, parseFilePath, type FilePath } from '../../base/names.ts'
import type { Cli } from '../declare/cli.ts'
import { startProgress } from '../output/progress.ts'
import { entriesOf, type TarEntry } from '../../tar/entries.ts'
import { vaultDirectory, type Injection } from './injection.ts'
import { mountValue } from './mount-value.ts'
import { versionShown } from './shown-version.ts'

/** BuildKit takes no longer secrets (moby/buildkit, session/secrets/secretsprovider: MaxSecretSize). */
const maxSecretBytes = 500 * 1024
/** A line of a Dockerfile has at most 65,535 bytes (moby/buildkit, frontend/dockerfile/parser), and a RUN needs some. */
const maxFlagBytes = 60_000

/** What gives boxes to a build: flags for RUN instructions, and flags for docker. */
export interface BuildBoxes {
  /** As `Rewriting.runFlags` wants them. */
  readonly runFlags: string
  readonly dockerFlags: readonly string[]
}

/** What a build gets that is to have none. */
export const noBoxes: BuildBoxes = { runFlags: '', dockerFlags: [] }

/** A mount of every RUN, beside those for files. */
interface Collected {
  readonly tmpfs: Set<string>
  readonly secrets: BuildSecret[]
}

/** A file that a build gets as a secret of BuildKit. */
interface BuildSecret {
  readonly target: string
  readonly mode: string
  /** Empty: root's. */
  readonly owner: readonly string[]
  readonly source: string
}

/**
 * Puts the files of the boxes into `directory`, which must be private and in memory, and tells how a build gets
 * them from there: over a tmpfs, so that what a RUN makes beside them is no part of the image either. Directories
 * that hold nothing are tmpfs, too; a symlink becomes the file that it leads to; one that leads to none is left
 * out, with a note. Throws `too_large` for files and for their number, or `invalid` for a path that no Dockerfile can name.
 */
export async function readyBoxes(
  cli: Cli,
  injections: readonly Injection[],
  directory: string
): Promise<BuildBoxes> {
  const collected: Collected = { tmpfs: new Set(), secrets: [] }
  for (const injection of injections) {
    const { target } = injection
    collected.tmpfs.add(target.startsWith(`${vaultDirectory}/`) ? vaultDirectory : target)
    const version = await versionShown(cli, injection)
    const empty = version === undefined ? [''] : await takeTree(cli, injection, version, directory, collected)
    for (const path of empty) collected.tmpfs.add(path === '' ? target : `${target}/${path}`)
  }
  const flags = flagsFor(collected)
  if (flags.runFlags.length > maxFlagBytes) {
    throw new SecretboxError(
      'too_large',
      `cannot give ${collected.secrets.length} files to a build: their paths are too long for a line of a Dockerfile`,
      { hint: 'put what the build needs into a box of its own' }
    )
  }
  return flags
}

/** Takes what the injection shows of its box. Gives the directories with nothing in them; '' when that is all of it. */
async function takeTree(
  cli: Cli,
  injection: Injection,
  version: number,
  directory: string,
  collected: Collected
): Promise<string[]> {
  const { box, target, options } = injection
  const root = parseFilePath(options['path'] ?? '')
  const { body } = await cli.api.read(box, root, { tree: true, version })
  const [paths, directories, links]: [string[], string[], string[]] = [[], [], []]
  const progress = startProgress(cli.stderr, `reading "${box}"`)
  try {
    for await (const entry of entriesOf(progress.count(body))) {
      const { type, name, size } = entry.header
      const path = name.replace(/\/$/, '')
      paths.push(path)
      if (type === 'directory') directories.push(path)
      else if (type === 'symlink') links.push(path)
      else if (size > maxSecretBytes) throw tooLarge(box, childOf(root, path), size)
      else await take(entry, `${target}/${path}`, injection, directory, collected)
    }
  } finally {
    progress.end()
  }
  for (const path of links) await takeLink(cli, injection, { root, path, version }, directory, collected)
  const parents = new Set(paths.map(path => path.slice(0, Math.max(0, path.lastIndexOf('/')))))
  return paths.length === 0 ? [''] : directories.filter(path => !parents.has(path))
}

function tooLarge(box: string, path: string, bytes: number): SecretboxError {
  return new SecretboxError(
    'too_large',
    `cannot give ${quote(path)} of box ${quote(box)} to a build: it has ${bytes} bytes, BuildKit takes at most ${maxSecretBytes}`,
    { hint: 'split the file, or keep it in a box that the build does not need' }
  )
}

async function takeLink(
  cli: Cli,
  injection: Injection,
  { root, path, version }: { root: FilePath; path: string; version: number },
  directory: string,
  collected: Collected
): Promise<void> {
  const { box, target } = injection
  const whole = parseFilePath(childOf(root, path))
  const found = await cli.api.kindAt(box, whole, version).catch(() => null)
  if (found?.kind !== 'file') {
    cli.note(`note: symlink ${quote(whole)} of box ${quote(box)} leads to no file: the build does not get it`)
    return
  }
  const { body } = await cli.api.read(box, whole, { tree: true, version })
  for await (const entry of entriesOf(body)) {
    if (entry.header.size > maxSecretBytes) throw tooLarge(box, whole, entry.header.size)
    await take(entry, `${target}/${path}`, injection, directory, collected)
  }
}

/** Writes the bytes to a file that only we can read, and overwrites the chunks. */
async function take(
  entry: TarEntry,
  target: string,
  { options: { uid, gid, mode } }: Injection,
  directory: string,
  { secrets }: Collected
): Promise<void> {
  const source = join(directory, String(secrets.length + 1))
  const handle = await open(source, 'wx', 0o600)
  try {
    for await (const chunk of entry.contents) {
      await handle.writeFile(chunk)
      chunk.fill(0)
    }
  } finally {
    await handle.close()
  }
  secrets.push({
    target,
    mode: mode?.replace('0o', '0') ?? `0${entry.header.mode.toString(8)}`,
    owner: [...(uid === undefined ? [] : [`uid=${uid}`]), ...(gid === undefined ? [] : [`gid=${gid}`])],
    source
  })
}

function flagsFor({ tmpfs, secrets }: Collected): BuildBoxes {
  const id = (i: number) => `secretbox.${i + 1}`
  const mounts = [
    ...[...tmpfs].map(target => ['type=tmpfs', `target=${target}`]),
    ...secrets.map(({ target, mode, owner }, i) => {
      return ['type=secret', `id=${id(i)}`, `target=${target}`, `mode=${mode}`, ...owner, 'required=true']
    })
  ]
  return {
    runFlags: mounts.map(fields => ` ${runMount(fields)}`).join(''),
    dockerFlags: secrets.flatMap(({ source }, i) => [
      '--secret',
      mountValue([`id=${id(i)}`, `src=${source}`])
    ])
  }
}

/**
 * A `--mount` of a RUN. What is in it is read three times over (moby/buildkit, frontend/dockerfile): as a quoted
 * word byte by byte, as CSV, and, by newer frontends only, as a shell word.
 */
function runMount(fields: readonly string[]): string {
  for (const field of fields) {
    if (/[^ !#%&()*+,\-./0-9:;=>?@A-Z[\]^_a-z{|}~]/.test(field)) {
      const path = field.slice(field.indexOf('=') + 1)
      throw new SecretboxError(
        'invalid',
        `cannot give ${quote(path)} to a build: no Dockerfile can name such a path`,
        {
          hint: 'a build takes names of printable ASCII characters other than quotes, "$", "<", "`" and "\\"'
        }
      )
    }
  }
  const value = mountValue(fields)
  return /[ "#]/.test(value) ? `--mount='${value}'` : `--mount=${value}`
}
