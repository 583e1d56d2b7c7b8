import type { Socket } from 'node:net'
import type { Logger } from 'pino'
import type { Clock } from '../../base/clock.ts'
import { SecretboxError } from '../../base/errors.ts'
import { createKeyedMutex } from '../../base/keyed-mutex.ts'
import type { VolumeName } from '../../base/names.ts'
import type { Syscalls } from '../../base/syscalls.ts'
import { createTokenBucket, type TokenBucket } from '../../base/token-bucket.ts'
import type { Copies } from '../../copies/copies.ts'
import type { CopyKey } from '../../copies/copy-key.ts'
import type { Holders } from '../../copies/holders.ts'
import type { Store } from '../../store/store.ts'
import type { CopySockets } from '../../lifecycle/copy-sockets.ts'
import type { Caller } from '../../vault/access/authority.ts'
import { copyRecordsOf, findCopyRow, findVolumeRow } from '../../volumes/records.ts'
import { serveListening, type Serving } from '../transport/serve.ts'
import { allowance } from './allowance.ts'
import { callerOn, readerOn } from './caller.ts'
import type { Asked, ContainerApiParts } from './asked.ts'
import { containerApi } from './container-api.ts'

/** What one container may have open, and for how long without a word. */
const mostConnections = 16
const idleMs = 30_000

export interface CopySocketsParts extends Omit<
  ContainerApiParts,
  'mayAsk' | 'spend' | 'inTurn' | 'asked' | 'askedBeside'
> {
  readonly store: Store
  readonly copies: Copies
  readonly holders: Pick<Holders, 'isShownTo'>
  readonly syscalls: Pick<Syscalls, 'peerOf' | 'groupsOf' | 'isPeerThere' | 'dup'>
  readonly clock: Pick<Clock, 'nowMs'>
  readonly log: Logger
}

/** A copy whose socket is served. */
interface Open {
  readonly owner: Parameters<CopySockets['open']>[0]['owner']
  readonly key: CopyKey
  readonly allowance: TokenBucket
  stop: () => void
}

interface Connection {
  readonly at: Open
  caller: Promise<Caller> | null
}

/** Serves the sockets of all copies, with one server; `end` ends with the daemon. */
export function createCopySockets(parts: CopySocketsParts): CopySockets & { readonly end: Serving['close'] } {
  const { copies, clock } = parts
  const open = new Map<CopyKey, Promise<Open>>()
  /** At which copy's socket a connection came, and who is at its other end once that was asked. */
  const connections = new WeakMap<Socket, Connection>()
  const turns = createKeyedMutex()

  const connectionOf = (socket: Socket): Connection => {
    const connection = connections.get(socket)
    if (connection === undefined) throw gone()
    return connection
  }
  const asked = async (socket: Socket): Promise<Asked> => {
    const connection = connectionOf(socket)
    const { owner } = connection.at
    const record = (await findCopyRow(parts.store, owner.volume, owner.mount))?.record
    if (!record) throw gone()
    const copy = { ...owner, box: record.box }
    // Awaited before anything else can throw: nobody else would hear of what befalls it, and the process would end for that.
    const caller = await (connection.caller ??= callerOn(socket, copy, parts))
    // A file has no room for a socket.
    return { copy, record, caller, reader: readerOn(socket, parts.syscalls), isFile: false }
  }
  const server = serveListening(
    parts,
    containerApi({
      ...parts,
      asked,
      askedBeside: (socket, volume) => askedBeside(parts, socket, volume),
      mayAsk: socket => connectionOf(socket).at.allowance.take(),
      spend: socket => connectionOf(socket).at.allowance.spend(),
      inTurn: (socket, work) => turns.run(connectionOf(socket).at.key, work)
    })
  )

  const begin = async ({ key, owner }: Parameters<CopySockets['open']>[0]): Promise<Open> => {
    const at: Open = {
      owner,
      key,
      allowance: createTokenBucket(allowance, clock.nowMs),
      stop: () => undefined
    }
    at.stop = await server.add(await copies.listen(key), { mostConnections, idleMs }, socket =>
      connections.set(socket, { at, caller: null })
    )
    return at
  }

  return {
    async open(copy) {
      const opening = open.get(copy.key) ?? begin(copy)
      open.set(copy.key, opening)
      try {
        await opening
      } catch (error) {
        open.delete(copy.key)
        throw error
      }
    },
    close(key) {
      void open.get(key)?.then(
        ({ stop }) => stop(),
        () => undefined
      )
      open.delete(key)
    },
    end: timeoutMs => server.close(timeoutMs)
  }
}

/** Who somebody is to each copy of a volume. */
async function askedBeside(parts: CopySocketsParts, socket: Socket, volume: VolumeName): Promise<Asked[]> {
  const all: Asked[] = []
  const reader = readerOn(socket, parts.syscalls)
  const isFile = (await findVolumeRow(parts.store, volume))?.volume?.options.file === true
  for await (const record of copyRecordsOf(parts.store, volume)) {
    const copy = { volume, mount: record.mount, box: record.box }
    all.push({ copy, record, caller: await callerOn(socket, copy, parts), reader, isFile })
  }
  return all
}

function gone(): SecretboxError {
  return new SecretboxError('unavailable', 'the copy that this socket belongs to is not there any more')
}
