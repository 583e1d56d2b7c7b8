import { removeSync } from 'fs-extra/esm'
import {
  lstatSync,
  readFileSync,
  readlinkSync,
  rmdirSync,
  rmSync,
  unlinkSync,
  writeFileSync,
  type Stats
} from 'node:fs'
import { dirname, join } from 'node:path'
import { bashScript } from '../src/cli/completion/bash.ts'
import { fishScript } from '../src/cli/completion/fish.ts'
import { zshScript } from '../src/cli/completion/zsh.ts'
import { whyUntrusted } from '../src/cli/input/trusted-path.ts'
import { Refusal } from './engine.ts'
import type { Places } from './places.ts'
import { makeDirectory, programLink, putProgram, replace } from './program.ts'

const recordName = 'installed'

/** A file that an installation puts onto the host: a link to the program, or a completion script. */
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

/** Refuses when somebody else than root could replace what an installation puts somewhere: root runs or reads it later. */
export function refuseSharedPlaces(places: Places): void {
  for (const [variable, directory] of Object.entries(places)) {
    // The daemon itself looks at its own two: here it is about who could put others in their place.
    const isDaemons = variable === 'DATA_DIR' || variable === 'KEY_DIR'
    const reason = whyUntrusted(isDaemons ? dirname(directory) : directory)
    if (reason === null) continue
    throw new Refusal(
      `cannot install into "${directory}": ${reason}`,
      `only root may be able to change it: mend that, or choose another directory: make install ${variable}=/path/to/directory`
    )
  }
}

/**
 * Puts the program and the files onto the host, each in the place of an older one in one step, and records in `dataDir`
 * what it made, directories too, before each is made: so an uninstallation finds all of it, wherever it was put. A
 * directory that holds a program ends with "/" in the record.
 */
export function putFiles(places: Places, dataDir: string): void {
  // They are for every user to read, whatever root's own umask is.
  process.umask(0o022)
  const record = join(dataDir, recordName)
  const made = new Set(readRecord(record))
  const write = (): void => writeFileSync(record, [...made, ''].join('\n'), { mode: 0o600 })
  const making = (path: string): void => {
    made.add(path)
    write()
  }
  const makeMissing = (directory: string): void => {
    for (const missing of missingDirectories(directory)) {
      making(missing)
      makeDirectory(missing)
    }
  }
  const older = [...made].filter(isProgram)
  makeMissing(places.LIB_DIR)
  const program = join(
    putProgram(places.LIB_DIR, directory => making(`${directory}/`)),
    'docker-vault'
  )
  for (const { path, script } of filesFor(places)) {
    makeMissing(dirname(path))
    making(path)
    replace(path, script ?? { linkTo: program })
  }
  for (const directory of older) {
    removeSync(directory)
    made.delete(directory)
  }
  write()
}

/** Removes what installations put onto the host: the files that are still theirs, then the directories they made if empty. */
export function removeFiles(places: Places, dataDir: string): void {
  const record = join(dataDir, recordName)
  const made = new Set([...readRecord(record), ...filesFor(places).map(({ path }) => path)])
  for (const path of [...made].reverse()) {
    if (isProgram(path)) removeSync(path)
    else if (whoseIs(path) === 'ours') unlinkSync(path)
    else if (statOf(path)?.isDirectory() === true) removeIfEmpty(path)
  }
  rmSync(record, { force: true })
}

/** Who put a file there, if there is one: this checkout's installation or another's, which may have been moved; or others. */
function whoseIs(path: string): 'ours' | 'theirs' | null {
  const found = statOf(path)
  if (found === undefined) return null
  const ours = found.isSymbolicLink()
    ? programLink.test(readlinkSync(path))
    : found.isFile() && /^# \w+ completion for docker vault, /m.test(readFileSync(path, 'utf8'))
  return ours ? 'ours' : 'theirs'
}

function isProgram(recorded: string): boolean {
  return recorded.endsWith('/')
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
