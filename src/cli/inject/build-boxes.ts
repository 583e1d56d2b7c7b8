import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { quote, SecretboxError } from '../../base/errors.ts'
import { parseFilePath, type BoxName, type FilePath } from '../../base/names.ts'
import type { BoxListing } from '../../api/boxes.ts'
import type { Cli } from '../declare/cli.ts'
import { startProgress } from '../output/progress.ts'
import { entriesOf, type TarEntry } from '../../tar/entries.ts'
import { vaultDirectory, type Injection } from './injection.ts'
import { mountValue } from './mount-value.ts'

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
  readonly secrets: { readonly target: string; readonly mode: number; readonly source: string }[]
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
  for (const { box, target } of injections) {
    collected.tmpfs.add(target.startsWith(`${vaultDirectory}/`) ? vaultDirectory : target)
    const listing = await cli.api.box(box)
    check(listing)
    for (const path of emptyDirectories(listing))
      collected.tmpfs.add(path === '' ? target : `${target}/${path}`)
    await takeFiles(cli, listing, target, directory, collected)
    await takeLinks(cli, listing, target, directory, collected)
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

function check({ name, files }: BoxListing): void {
  for (const entry of files) {
    if (entry.type === 'file' && entry.size > maxSecretBytes) throw tooLarge(name, entry.path, entry.size)
  }
}

function tooLarge(box: string, path: string, bytes: number): SecretboxError {
  return new SecretboxError(
    'too_large',
    `cannot give ${quote(path)} of box ${quote(box)} to a build: it has ${bytes} bytes, BuildKit takes at most ${maxSecretBytes}`,
    { hint: 'split the file, or keep it in a box that the build does not need' }
  )
}

/** The directories with nothing in them; '' when that is the box itself. */
function emptyDirectories({ files }: BoxListing): string[] {
  if (files.length === 0) return ['']
  const parents = new Set(files.map(({ path }) => path.slice(0, Math.max(0, path.lastIndexOf('/')))))
  return files.filter(({ type, path }) => type === 'directory' && !parents.has(path)).map(({ path }) => path)
}

async function takeFiles(
  cli: Cli,
  { name, version }: BoxListing,
  target: string,
  directory: string,
  collected: Collected
): Promise<void> {
  const { body } = await cli.api.read(name as BoxName, parseFilePath(''), { tree: true, version })
  const progress = startProgress(cli.stderr, `reading "${name}"`)
  try {
    for await (const entry of entriesOf(progress.count(body))) {
      if (entry.header.type === 'file')
        await take(entry, `${target}/${entry.header.name}`, directory, collected)
    }
  } finally {
    progress.end()
  }
}

async function takeLinks(
  cli: Cli,
  { name, version, files }: BoxListing,
  target: string,
  directory: string,
  collected: Collected
): Promise<void> {
  for (const { path } of files.filter(({ type }) => type === 'symlink')) {
    const found = await cli.api.kindAt(name as BoxName, path as FilePath, version).catch(() => null)
    if (found?.kind !== 'file') {
      cli.note(
        `note: symlink ${quote(path)} of box ${quote(name)} leads to no file: the build does not get it`
      )
      continue
    }
    const { body } = await cli.api.read(name as BoxName, path as FilePath, { tree: true, version })
    for await (const entry of entriesOf(body)) await take(entry, `${target}/${path}`, directory, collected)
  }
}

/** Writes the bytes to a file that only we can read, and overwrites the chunks. */
async function take(
  entry: TarEntry,
  target: string,
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
  secrets.push({ target, mode: entry.header.mode, source })
}

function flagsFor({ tmpfs, secrets }: Collected): BuildBoxes {
  const id = (i: number) => `secretbox.${i + 1}`
  const mounts = [
    ...[...tmpfs].map(target => ['type=tmpfs', `target=${target}`]),
    ...secrets.map(({ target, mode }, i) => {
      return ['type=secret', `id=${id(i)}`, `target=${target}`, `mode=0${mode.toString(8)}`, 'required=true']
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
