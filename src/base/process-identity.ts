import { readFileSync } from 'node:fs'

/** A process, as the Engine that asked for a Mount; its start tells it from any later one with the same pid. */
export interface ProcessIdentity {
  readonly pid: number
  /** In clock ticks since boot (proc_pid_stat(5)). */
  readonly started: string
}

/** Null when there is no such process, or none that can be seen from here (pid 0: it is in another pid namespace). */
export function processWith(pid: number): ProcessIdentity | null {
  try {
    // The name, which may hold anything, ends with the last parenthesis; the state is the first field after it.
    const fields = readFileSync(`/proc/${pid}/stat`, 'latin1')
      .replace(/^.*\) /s, '')
      .split(' ')
    const [state] = fields
    const started = fields[19]
    return state === 'Z' || started === undefined ? null : { pid, started }
  } catch {
    return null
  }
}

/** The uid, as it is here, of who is root in the user namespace of a process (user_namespaces(7)); null when nobody is, or it is not known. */
export function rootFor(pid: number): number | null {
  try {
    const map = readFileSync(`/proc/${pid}/uid_map`, 'latin1')
    const outside = /^ *0 +(\d+) /m.exec(map)?.[1]
    return outside === undefined ? null : Number(outside)
  } catch {
    return null
  }
}

/** True when it was seen and is there no more. */
export function hasEnded(one: ProcessIdentity | null): boolean {
  return one !== null && !isSameProcess(processWith(one.pid), one)
}

/** True for the same process, and for two that are both not known. */
export function isSameProcess(a: ProcessIdentity | null, b: ProcessIdentity | null): boolean {
  return a?.pid === b?.pid && a?.started === b?.started
}
