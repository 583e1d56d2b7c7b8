import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, onTestFinished } from 'vitest'

/** A new empty directory, which goes with all that is in it when the running test ends. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'secretbox-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

/** As `temporaryDirectory`, for all tests of a file: it goes when the last has ended. */
export function scratchDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'secretbox-'))
  afterAll(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}
