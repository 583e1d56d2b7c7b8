import { globSync, lstatSync, readdirSync, rmdirSync, statSync, unlinkSync, type Stats } from 'node:fs'
import { join } from 'node:path'
import {
  adminSocketName,
  draftMark,
  keyFileName,
  launcherName,
  storeFileEndings,
  storeFileName
} from '../src/base/default-paths.ts'
import { Refusal } from './engine.ts'

/** The files that the daemon keeps in its data directory, and in its key directory. */
const dataFiles = [
  adminSocketName,
  launcherName,
  `${launcherName}.new`,
  ...storeFileEndings.map(ending => storeFileName + ending)
]
const isDataFile = (name: string): boolean =>
  dataFiles.includes(name) || name.startsWith(storeFileName + draftMark)
const isKeyFile = (name: string): boolean => name === keyFileName || name === `${keyFileName}.new`

/** Refuses while a daemon has the store open: one that another Engine runs, or that runs without any. */
export function refuseWhileOpen(dataDir: string): void {
  const store = statOf(join(dataDir, storeFileName))
  if (store === undefined) return
  for (const descriptor of globSync('/proc/[0-9]*/fd/*')) {
    const open = statOf(descriptor)
    if (open?.dev !== store.dev || open.ino !== store.ino) continue
    const [, , pid = ''] = descriptor.split('/')
    throw new Refusal(
      `cannot purge: process ${pid} has the boxes in ${dataDir} open`,
      'it is a secretbox daemon which is not of this Engine; stop it first, or name other directories: ' +
        'make uninstall PURGE=1 DATA_DIR=/path KEY_DIR=/path'
    )
  }
}

/**
 * Deletes boxes and key for ever, and their directories when nothing else is in them. Gives the paths that stay
 * because they are not secretbox's.
 */
export function purge(dataDir: string, keyDir: string): string[] {
  return [...purgeDirectory(dataDir, isDataFile), ...purgeDirectory(keyDir, isKeyFile)]
}

function purgeDirectory(directory: string, isOurs: (name: string) => boolean): string[] {
  if (statOf(directory)?.isDirectory() !== true) return []
  const left: string[] = []
  for (const name of readdirSync(directory)) {
    const path = join(directory, name)
    if (isOurs(name) && !lstatSync(path).isDirectory()) unlinkSync(path)
    else left.push(path)
  }
  if (left.length > 0) return left
  try {
    rmdirSync(directory)
    return []
  } catch (error) {
    // A disk of its own is mounted there, or a symlink leads there: somebody else made it so.
    if (['EBUSY', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return [directory]
    throw error
  }
}

/** What a path leads to; undefined for what is not there, or went away while it was looked at. */
function statOf(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false })
  } catch {
    return undefined
  }
}
