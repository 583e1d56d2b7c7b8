import { removeSync } from 'fs-extra/esm'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, onTestFinished } from 'vitest'

/** A new empty directory, which goes with all that is in it when the running test ends. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'secretbox-'))
  onTestFinished(() => removeSync(directory))
  return directory
}

/** As `temporaryDirectory`, for all tests of a file: it goes when the last has ended. */
export function scratchDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'secretbox-'))
  afterAll(() => removeSync(directory))
  return directory
}
