import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { connectSupervisor, type Supervisor } from '../../src/copies/supervisor.ts'
import { supervisorOfSources } from '../../rootfs-build/supervisor.ts'

/** A supervisor without a daemon, which serves a directory of copies until it is ended. */
export interface RunningSupervisor extends Supervisor {
  readonly child: ChildProcess
  /** Ends it; what it is doing then ends first. */
  end(): Promise<void>
}

/** Starts one that listens below `runDirectory`. `environment`: also for orders to fail (SECRETBOX_FAULTS). */
export async function startSupervisor(
  copiesDirectory: string,
  runDirectory: string,
  options: readonly string[] = [],
  environment: NodeJS.ProcessEnv = {},
  wrapper: readonly string[] = []
): Promise<RunningSupervisor> {
  const command = [...wrapper, supervisorOfSources, ...options, copiesDirectory, runDirectory]
  const [program, ...args] = command as [string, ...string[]]
  const child = spawn(program, args, {
    env: { PATH: process.env['PATH'], ...environment },
    stdio: ['pipe', 'pipe', 'inherit']
  })
  const ended = once(child, 'exit')
  const [line] = (await Promise.race([
    once(child.stdout, 'data'),
    ended.then(([code]) => Promise.reject(new Error(`the supervisor ended with status ${String(code)}`)))
  ])) as [Buffer]
  return {
    ...connectSupervisor(line.toString().trim()),
    child,
    async end() {
      child.stdin.end()
      await ended
    }
  }
}
