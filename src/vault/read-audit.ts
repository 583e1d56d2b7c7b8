import type { BoxName } from '../base/names.ts'
import { theVault } from './access/actions.ts'
import type { Caller } from './access/authority.ts'
import type { Gate } from './action/gate.ts'
import type { Audit } from './audit/audit.ts'
import type { AuditLine, AuditQuery } from './audit/reading.ts'

/**
 * Decides whether a caller may read the audit of a box, or without one of the whole vault, and records that. What it
 * gives reads, any number of times, while the caller still may: of that box alone, whatever it is asked.
 */
export type ReadAudit = (
  caller: Caller,
  box?: BoxName
) => Promise<(query: AuditQuery) => AsyncIterable<AuditLine>>

const linesBetweenChecks = 64

export function createReadAudit(gate: Gate, audit: Audit): ReadAudit {
  return (caller, box) =>
    gate.run(caller, 'audit.read', box === undefined ? theVault : { box }, async permit => {
      await permit.commit({}, [])
      return async function* (query) {
        let lines = 0
        for await (const line of audit.read(permit.keyring, { ...query, ...permit.resource })) {
          // It can take as long as its reader likes.
          if (lines++ % linesBetweenChecks === 0) await permit.recheck()
          yield line
        }
      }
    })
}
