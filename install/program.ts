import { copySync } from 'fs-extra/esm'
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
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
  // Node is a link in a checkout; here it is Node itself.
  copySync(builtProgram, directory, { dereference: true })
  for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) {
    const isProgram = entry.isDirectory() || ['docker-vault', 'node'].includes(entry.name)
    chmodSync(join(entry.parentPath, entry.name), isProgram ? 0o755 : 0o644)
  }
  // Until then nobody else came in, whatever modes the files had in the checkout.
  chmodSync(directory, 0o755)
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
