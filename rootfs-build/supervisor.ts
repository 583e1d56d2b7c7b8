import { execFileSync } from 'node:child_process'
import { globSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { projectRoot } from './bundle.ts'

/** No build id and no libraries: the same sources give the same bytes, which need nothing beside them. */
const flags = [
  '-std=gnu17',
  '-D_GNU_SOURCE',
  '-O2',
  '-Wall',
  '-Wextra',
  '-Werror',
  '-static',
  '-Wl,--build-id=none'
]

/**
 * Compiles the supervisor into `outFile`. With `faultPoints`, for tests, its jobs take orders to fail. Throws an error
 * that says what to install when there is no C compiler.
 */
export async function buildSupervisor(outFile: string, options = { faultPoints: false }): Promise<void> {
  await mkdir(dirname(outFile), { recursive: true })
  const sources = globSync('supervisor/*.c', { cwd: projectRoot }).sort()
  const faults = options.faultPoints ? ['-DFAULT_POINTS'] : []
  try {
    execFileSync('cc', [...flags, ...faults, '-o', outFile, ...sources], { cwd: projectRoot, stdio: 'pipe' })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    throw new Error(
      'cannot build the supervisor: there is no C compiler (Debian: apt-get install gcc libc6-dev)',
      {
        cause: error
      }
    )
  }
}

/** Where a daemon that is run from its sources finds it. */
export const supervisorOfSources = join(projectRoot, 'build/supervisor')
