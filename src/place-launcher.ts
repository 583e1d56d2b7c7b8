import { chmod, readFile, rm, writeFile } from 'node:fs/promises'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { publishFile } from './base/fsync.ts'

/**
 * Puts the launcher (launcher/README.md) where containers get it from, as it is in this release. Whoever runs it has the
 * file that was there when it started: another takes its place as a whole. Throws what the file system says.
 */
export async function placeLauncher(place: string): Promise<void> {
  const program = await readFile(launcherProgram())
  const present = await readFile(place).catch(() => null)
  if (present?.equals(program) === true) return
  const draft = `${place}.new`
  await rm(draft, { force: true })
  await writeFile(draft, program, { flag: 'wx' })
  await chmod(draft, 0o755)
  await publishFile(draft, place)
}

/** Beside the bundled daemon in the plugin, and in `build/` of a checkout. */
function launcherProgram(): string {
  const places = ['launcher', '../build/launcher'].map(path => join(import.meta.dirname, path))
  return places.find(path => existsSync(path)) ?? places[0] ?? ''
}
