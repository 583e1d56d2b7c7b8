import type { BoxName } from '../base/names.ts'
import { theVault } from './access/actions.ts'
import type { Caller } from './access/authority.ts'
import type { Gate } from './action/gate.ts'
import type { Permit } from './action/permit.ts'
import type { Audit } from './audit/audit.ts'
import type { AuditLine, AuditQuery } from './audit/reading.ts'

/**
 * Decides whether a caller may read the audit of each of the boxes, or without one of the whole vault, and records that. What it
 * gives reads, any number of times, while the caller still may: of those boxes alone, whatever it is asked.
 */
export type ReadAudit = (
  caller: Caller,
  boxes: readonly BoxName[]
) => Promise<(query: AuditQuery) => AsyncIterable<AuditLine>>

const linesBetweenChecks = 64

export function createReadAudit(gate: Gate, audit: Audit): ReadAudit {
  return async (caller, boxes) => {
    const permits: Permit[] = []
    const permit = (resource: { readonly box: BoxName } | typeof theVault): Promise<Permit> =>
      gate.run(caller, 'audit.read', resource, async permit => {
        await permit.commit({}, [])
        permits.push(permit)
        return permit
      })
    const { keyring } = await permit(boxes[0] === undefined ? theVault : { box: boxes[0] })
    for (const box of boxes.slice(1)) await permit({ box })
    return async function* (query) {
      let lines = 0
      for await (const line of audit.read(keyring, { ...query, boxes })) {
        // It can take as long as its reader likes.
        if (lines++ % linesBetweenChecks === 0) for (const each of permits) await each.recheck()
        yield line
      }
    }
  }
}
