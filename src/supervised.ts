import { existsSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { defaultPaths, pathSetBy } from './base/default-paths.ts'

/** Well within the time after which the supervisor takes the daemon for stuck (supervisor.c). */
const signEveryMs = 15_000

/**
 * Makes sure that a supervisor runs this process and does for it what takes privileges (supervisor/supervisor.c); in
 * the plugin it is the first process. Who starts the daemon by itself, as tests do, becomes it: the process is
 * replaced by the supervisor, which starts the daemon anew, without any capability. Then it is given a sign of life
 * from time to time, so that a stuck loop is noticed. Gives the directory in which the supervisor listens. Ends the
 * process with an error when there is no supervisor to become.
 */
export function runSupervised(env: NodeJS.ProcessEnv): string {
  const { SECRETBOX_LIFE_FD: lifeFd, SECRETBOX_SUPERVISOR: directory } = env
  if (lifeFd === undefined || directory === undefined) {
    const supervisor = supervisorProgram()
    // Of systemd's making (systemd.exec(5)), or where there is always one.
    const runDirectory = env['RUNTIME_DIRECTORY'] ?? '/run'
    const copiesDir = pathSetBy(env, 'COPIES_DIR', defaultPaths.copies)
    const command = [process.execPath, ...process.execArgv, ...process.argv.slice(1)]
    const options = (env['SECRETBOX_SUPERVISOR_OPTIONS'] ?? '').split(' ').filter(word => word !== '')
    process.execve?.(supervisor, [supervisor, ...options, copiesDir, runDirectory, ...command], env)
    throw new Error(`cannot execute ${supervisor}`)
  }
  const giveSign = (): void => {
    try {
      writeSync(Number(lifeFd), '.')
    } catch {
      // The supervisor has not read the last ones yet.
    }
  }
  giveSign()
  setInterval(giveSign, signEveryMs).unref()
  return directory
}

/** Beside the bundled daemon in the plugin, and in `build/` of a checkout. */
function supervisorProgram(): string {
  const places = ['supervisor', '../build/supervisor'].map(path => join(import.meta.dirname, path))
  const found = places.find(path => existsSync(path) && !path.endsWith('/src/supervisor'))
  if (found !== undefined) return found
  throw new Error('the supervisor was not built: run make plugin')
}
