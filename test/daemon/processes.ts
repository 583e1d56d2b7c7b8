import { readFileSync } from 'node:fs'
import type { Started } from '../kit/started.ts'

/** A line of proc_pid_status(5). */
export function statusOf(pid: number, field: string): string | undefined {
  return new RegExp(`^${field}:\\s+(.*)$`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
}

/** The processes that a process has started, and that are there. */
/** In the order in which they were started. */
export function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').map(Number)
}

/** The process that runs a daemon. */
export function supervisorOf({ daemon }: Pick<Started, 'daemon'>): number {
  return Number(statusOf(daemon.pid, 'PPid'))
}
