import { readFileSync } from 'node:fs'
import { isSameProcess, type ProcessIdentity } from '../base/process-identity.ts'

/**
 * Tells whether what gets mounted below `directory` shows in the mount table of the process that asks for it. It
 * does not always: an Engine that ends a plugin takes the mount of its directory away, at times only when it has
 * begun to start the plugin again, which is then cut off from it for good (Engine fact 12). A container would be given
 * the empty directory below.
 */
export function createPropagation(directory: string): (engineProcess: ProcessIdentity) => boolean {
  let seenBy: ProcessIdentity | null = null
  return engineProcess => {
    if (isSameProcess(seenBy, engineProcess)) return true
    const ours = mountTableOf('self')
    const theirs = mountTableOf(engineProcess.pid)
    // The first mount tells a mount namespace: mount IDs are unique among all mounts (proc_pid_mountinfo(5)).
    const isSameNamespace = ours[0] === theirs[0]
    const group = groupOf(directory, ours)
    const isPeer = group !== null && theirs.some(line => optionalFields(line).some(isInGroup(group)))
    if (!isSameNamespace && !isPeer) return false
    seenBy = engineProcess
    return true
  }
}

function mountTableOf(pid: number | 'self'): string[] {
  return readFileSync(`/proc/${pid}/mountinfo`, 'utf8').split('\n').slice(0, -1)
}

/** The peer group of the mount that a directory lies on, or null when that is nobody's peer. */
function groupOf(directory: string, table: readonly string[]): string | null {
  let best: { target: string; group: string | null } = { target: '', group: null }
  for (const line of table) {
    const target = line.split(' ')[4] ?? ''
    const isAbove = directory === target || directory.startsWith(target === '/' ? '/' : `${target}/`)
    if (!isAbove || target.length < best.target.length) continue
    const shared = optionalFields(line).find(field => field.startsWith('shared:'))
    best = { target, group: shared?.slice('shared:'.length) ?? null }
  }
  return best.group
}

function optionalFields(line: string): string[] {
  return line.slice(0, line.indexOf(' - ')).split(' ').slice(6)
}

/** A peer shows what its peers mount, and so does a slave. */
function isInGroup(group: string): (field: string) => boolean {
  return field => field === `shared:${group}` || field === `master:${group}`
}
