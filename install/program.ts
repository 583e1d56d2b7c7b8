import {
  chmodSync,
  constants,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync
} from 'node:fs'
import { basename, dirname, join, relative } from 'node:path'
import { metadata } from '../src/cli/metadata.ts'

const builtProgram = join(import.meta.dirname, '../build/cli')

/** How a link to an installed program ends: below a directory of one release, or, once, in a checkout. */
export const programLink = /\/(build|\d[\w.]*-\w{6})\/docker-vault$/

/**
 * Copies the built CLI, the Node that it starts and koffi's native file into a new directory of `libDir`, which must be
 * there. All of it is root's and nobody else can change it: whoever owns the checkout has no say any more. `making` is told of the
 * directory before anything is in it.
 */
export function putProgram(libDir: string, making: (directory: string) => void): string {
  const directory = mkdtempSync(join(libDir, `${metadata.Version}-`))
  making(directory)
  chmodSync(directory, 0o755)
  for (const entry of readdirSync(builtProgram, { recursive: true, withFileTypes: true })) {
    const source = join(entry.parentPath, entry.name)
    const target = join(directory, relative(builtProgram, source))
    if (entry.isDirectory()) makeDirectory(target)
    else {
      // What a link leads to, if there is one. Blocks are shared where the file system can.
      copyFileSync(source, target, constants.COPYFILE_FICLONE)
      chmodSync(target, ['docker-vault', 'node'].includes(entry.name) ? 0o755 : 0o644)
    }
  }
  return directory
}

/** Puts a file with this text, or a link (`{ linkTo }`), in the place of what is there: at every moment there is the one or the other. */
export function replace(path: string, by: string | { readonly linkTo: string }): void {
  const next = join(dirname(path), `.${basename(path)}.new`)
  rmSync(next, { force: true })
  if (typeof by === 'string') writeFileSync(next, by, { mode: 0o644, flag: 'wx' })
  else symlinkSync(by.linkTo, next)
  renameSync(next, path)
}

/** Makes a directory for everybody to read. */
export function makeDirectory(path: string): void {
  mkdirSync(path, { mode: 0o755 })
}
