import { readdir, readFile } from 'node:fs/promises'

/** What a process takes. */
export interface Taken {
  readonly residentMiB: number
  readonly descriptors: number
}

/** What a process takes now (proc_pid_status(5)). Rejects when it has ended. */
export async function takenBy(pid: number): Promise<Taken> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return {
    residentMiB: Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) / 1024,
    descriptors: (await readdir(`/proc/${pid}/fd`)).length
  }
}
