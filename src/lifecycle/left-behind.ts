import { statSync } from 'node:fs'
import { processWith, type ProcessIdentity } from '../base/process-identity.ts'

/**
 * Tells whether whoever connects is a new Engine that this process cannot ask anything. A plugin that lives on while
 * its Engine ends (live-restore) keeps the old Engine's socket file mounted, and the next one makes another (Engine
 * fact 13). Started anew it would see that one. `callerOf` says who connects; it is called only when the socket is old.
 */
export function createLeftBehind(dockerSocket: string): (callerOf: () => ProcessIdentity | null) => boolean {
  // The plugin's first process, which its Engine started: it outlives the daemon.
  const plugin = processWith(process.ppid)
  return callerOf => {
    const caller = plugin !== null && isUnlinked(dockerSocket) ? callerOf() : null
    return caller !== null && plugin !== null && isNewer(caller, plugin)
  }
}

/** That a file has no name left is only seen through a mount of it. */
function isUnlinked(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.nlink === 0
}

function isNewer(a: ProcessIdentity, b: ProcessIdentity): boolean {
  return BigInt(a.started) > BigInt(b.started)
}
