import { readFileSync } from 'node:fs'
import type { Started } from '../kit/started.ts'

/** A line of proc_pid_status(5). */
export function statusOf(pid: number, field: string): string | undefined {
  return new RegExp(`^${field}:\\s+(.*)$`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
}

/** The process that runs a daemon. */
export function supervisorOf({ daemon }: Pick<Started, 'daemon'>): number {
  return Number(statusOf(daemon.pid, 'PPid'))
}
