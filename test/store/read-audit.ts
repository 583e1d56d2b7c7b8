import { isDamage, isEntry, type AuditLine, type AuditQuery } from '../../src/vault/audit/reading.ts'
import type { AuditEntry } from '../../src/vault/audit/records.ts'
import type { OpenVault } from '../kit/open-vault.ts'

/** Lines of the audit, oldest first. */
export async function readAudit(
  { audit, sealing }: OpenVault,
  query: Partial<AuditQuery> = {}
): Promise<AuditLine[]> {
  return Array.fromAsync(audit.read(await sealing.keyring(), { limit: Infinity, ...query }))
}

/** The newest entries, newest first. */
export async function entriesOf(opened: OpenVault, limit = 1000): Promise<AuditEntry[]> {
  return (await readAudit(opened, { limit })).filter(isEntry).reverse()
}

/** What is wrong with the audit. */
export async function damagesOf(opened: OpenVault, query: Partial<AuditQuery> = {}): Promise<string[]> {
  return (await readAudit(opened, query)).filter(isDamage).map(({ damaged }) => damaged)
}
