import type { Socket } from 'node:net'
import type { Logger } from 'pino'
import type { VolumeName } from '../../base/names.ts'
import type { Reader } from '../../copies/ownership.ts'
import type { IsGranted } from '../../lifecycle/admit.ts'
import type { FindContainer } from '../../lifecycle/container-of-copy.ts'
import type { Caller } from '../../vault/access/authority.ts'
import type { Gate } from '../../vault/action/gate.ts'
import type { Identity } from '../../vault/identity/identity.ts'
import type { Vault } from '../../vault/vault.ts'
import type { CopyRecord } from '../../volumes/records.ts'
import type { AskedCopy } from './caller.ts'

/** At whose socket a request came, and who sent it. */
export interface Asked {
  readonly copy: AskedCopy
  /** What is noted of the copy. */
  readonly record: CopyRecord
  readonly caller: Caller
  /** The same by what it may read. */
  readonly reader: Reader
  /** Its volume is a file, and not a directory. */
  readonly isFile: boolean
}

export interface ContainerApiParts {
  readonly gate: Gate
  readonly vault: Pick<Vault, 'open'>
  readonly identity: Pick<Identity, 'issue'>
  readonly findContainer: FindContainer
  readonly isGranted: IsGranted
  /** Counts a request over a connection; false when there were too many. Throws when the copy is gone. */
  readonly mayAsk: (socket: Socket) => boolean
  /** Counts what is done beside the request that was counted as one more, which may be more than are left. Throws when the copy is gone. */
  readonly spend: (socket: Socket) => void
  /** Does work for whoever asks over a connection, when what others asked at the same copy is done. Throws when the copy is gone. */
  readonly inTurn: (socket: Socket, work: () => Promise<void>) => Promise<void>
  /** Who asks over a connection. Throws when the copy is gone. */
  readonly asked: (socket: Socket) => Promise<Asked>
  /** The copies of a volume, and who that is to each of them who asks over a connection to another. */
  readonly askedBeside: (socket: Socket, volume: VolumeName) => Promise<readonly Asked[]>
  readonly log: Logger
}
