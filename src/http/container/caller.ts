import type { Socket } from 'node:net'
import type { Syscalls } from '../../base/syscalls.ts'
import type { Copies } from '../../copies/copies.ts'
import { copyKeyOf } from '../../copies/copy-key.ts'
import type { Holders } from '../../copies/holders.ts'
import type { Reader } from '../../copies/ownership.ts'
import type { Resources } from '../../vault/access/actions.ts'
import type { Caller } from '../../vault/access/authority.ts'
import { descriptorOf } from '../transport/connection.ts'

/** What a copy is known by to those who decide. */
export type AskedCopy = Resources['copy.describe']

/**
 * Who is at the other end of a connection to a copy's socket: the container, when the process that connected is in a mount
 * namespace that shows the copy; else a user, such as root of the host, who found the way to the socket. A process that has
 * ended is no container's: another may have its pid by now.
 */
export async function callerOn(
  socket: Socket,
  copy: AskedCopy,
  parts: {
    readonly copies: Pick<Copies, 'deviceOf'>
    readonly holders: Pick<Holders, 'isShownTo'>
    readonly syscalls: Pick<Syscalls, 'peerOf' | 'isPeerThere'>
  }
): Promise<Caller> {
  const { copies, holders, syscalls } = parts
  const peer = syscalls.peerOf(descriptorOf(socket))
  const key = copyKeyOf(copy.volume, copy.mount)
  const device = copies.deviceOf(key)
  const isShown = device !== null && (await holders.isShownTo(peer.pid, { key, device }))
  // After the look: so it was this process that was looked at.
  const isThere = syscalls.isPeerThere(descriptorOf(socket)) ?? true
  return isShown && isThere ? { kind: 'container', ...peer, ...copy } : { kind: 'user', ...peer }
}

/** The user at the other end, and its groups, as they were when it connected. */
export function readerOn(socket: Socket, syscalls: Pick<Syscalls, 'peerOf' | 'groupsOf'>): Reader {
  const descriptor = descriptorOf(socket)
  const { uid, gid } = syscalls.peerOf(descriptor)
  return { uid, gids: [gid, ...syscalls.groupsOf(descriptor)] }
}
