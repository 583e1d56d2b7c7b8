import { ensureDir } from 'fs-extra/esm'
import { globSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { projectRoot } from './bundle.ts'
import { compile } from './compile.ts'

/** No build id and no libraries: the same sources give the same bytes, which need nothing beside them. */
const flags = ['-std=gnu17', '-D_GNU_SOURCE', '-O2', '-static', '-Wl,--build-id=none']

/** Compiles the supervisor into `outFile`. With `faultPoints`, for tests, its jobs take orders to fail. */
export async function buildSupervisor(outFile: string, options = { faultPoints: false }): Promise<void> {
  await ensureDir(dirname(outFile))
  const sources = globSync('supervisor/*.c', { cwd: projectRoot }).sort()
  await compile(sources, outFile, options.faultPoints ? [...flags, '-DFAULT_POINTS'] : flags)
}

/** Where a daemon that is run from its sources finds it. */
export const supervisorOfSources = join(projectRoot, 'build/supervisor')
