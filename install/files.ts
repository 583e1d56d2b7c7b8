import {
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
  type Stats
} from 'node:fs'
import { dirname, join } from 'node:path'
import { bashScript } from '../src/cli/completion-bash.ts'
import { fishScript } from '../src/cli/completion-fish.ts'
import { zshScript } from '../src/cli/completion-zsh.ts'
import { Refusal } from './engine.ts'
import type { Places } from './places.ts'

const builtCli = join(import.meta.dirname, '../build/docker-vault')
const recordName = 'installed'

/** A file that an installation puts onto the host: a link to the built CLI, or a completion script. */
interface HostFile {
  readonly path: string
  /** The script; null for a link. */
  readonly script: string | null
  /** What says where else the file may go. */
  readonly variable: keyof Places
}

function filesFor(places: Places): HostFile[] {
  return [
    { path: join(places.CLI_PLUGINS_DIR, 'docker-vault'), script: null, variable: 'CLI_PLUGINS_DIR' },
    { path: join(places.BIN_DIR, 'docker-vault'), script: null, variable: 'BIN_DIR' },
    { path: join(places.BIN_DIR, 'secretbox'), script: null, variable: 'BIN_DIR' },
    // Read by every bash, not when "docker-vault" is first completed: it is also for "docker vault". So with fish.
    {
      path: join(places.BASH_COMPLETION_DIR, 'docker-vault'),
      script: bashScript,
      variable: 'BASH_COMPLETION_DIR'
    },
    {
      path: join(places.ZSH_COMPLETION_DIR, '_docker-vault'),
      script: zshScript,
      variable: 'ZSH_COMPLETION_DIR'
    },
    {
      path: join(places.FISH_COMPLETION_DIR, 'docker-vault.fish'),
      script: fishScript,
      variable: 'FISH_COMPLETION_DIR'
    }
  ]
}

/** Refuses when a file would take the place of one that no installation put there. Changes nothing. */
export function refuseForeignFiles(places: Places): void {
  for (const { path, variable } of filesFor(places)) {
    if (whoseIs(path) !== 'theirs') continue
    throw new Refusal(
      `cannot install "${path}": something else has that name`,
      `move it away, or choose another directory: make install ${variable}=/path/to/directory`
    )
  }
}

/**
 * Puts the files onto the host, and records in `dataDir` what it made, directories too, before each is made: so an
 * uninstallation finds all of it, wherever it was put.
 */
export function putFiles(places: Places, dataDir: string): void {
  // They are for every user to read, whatever root's own umask is.
  process.umask(0o022)
  const record = join(dataDir, recordName)
  const made = new Set(readRecord(record))
  const making = (path: string): void => {
    made.add(path)
    writeFileSync(record, [...made, ''].join('\n'), { mode: 0o600 })
  }
  for (const { path, script } of filesFor(places)) {
    for (const directory of missingDirectories(dirname(path))) {
      making(directory)
      mkdirSync(directory, { mode: 0o755 })
    }
    making(path)
    if (whoseIs(path) === 'ours') unlinkSync(path)
    if (script === null) symlinkSync(builtCli, path)
    else writeFileSync(path, script, { mode: 0o644, flag: 'wx' })
  }
}

/** Removes what installations put onto the host: the files that are still theirs, then the directories they made if empty. */
export function removeFiles(places: Places, dataDir: string): void {
  const record = join(dataDir, recordName)
  const made = new Set([...readRecord(record), ...filesFor(places).map(({ path }) => path)])
  for (const path of [...made].reverse()) {
    if (whoseIs(path) === 'ours') unlinkSync(path)
    else if (statOf(path)?.isDirectory() === true) removeIfEmpty(path)
  }
  rmSync(record, { force: true })
}

/** Who put a file there, if there is one: this checkout's installation or another's, which may have been moved; or others. */
function whoseIs(path: string): 'ours' | 'theirs' | null {
  const found = statOf(path)
  if (found === undefined) return null
  const ours = found.isSymbolicLink()
    ? /\/build\/docker-vault$/.test(readlinkSync(path))
    : found.isFile() && /^# \w+ completion for docker vault, /m.test(readFileSync(path, 'utf8'))
  return ours ? 'ours' : 'theirs'
}

function statOf(path: string): Stats | undefined {
  return lstatSync(path, { throwIfNoEntry: false })
}

function missingDirectories(directory: string): string[] {
  if (statOf(directory) !== undefined) return []
  return [...missingDirectories(dirname(directory)), directory]
}

function readRecord(record: string): string[] {
  if (statOf(record) === undefined) return []
  return readFileSync(record, 'utf8')
    .split('\n')
    .filter(line => line !== '')
}

function removeIfEmpty(directory: string): void {
  try {
    rmdirSync(directory)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOTEMPTY') throw error
  }
}
