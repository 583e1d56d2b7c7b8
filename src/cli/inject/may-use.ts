import { isSecretboxError, quote, SecretboxError } from '../../base/errors.ts'
import { grantCommand } from '../../base/messages.ts'
import type { BoxName } from '../../base/names.ts'
import type { Cli } from '../declare/cli.ts'

/**
 * Throws `denied` for a box that the user who calls may not give to containers, whether it is there or not. Nobody else asks: the
 * Engine does not tell the driver who calls it (SECURITY.md). Root may, and is not asked about.
 */
export async function refuseWithoutUse(cli: Pick<Cli, 'api'>, boxes: Iterable<BoxName>): Promise<void> {
  if (isRoot()) return
  const uid = process.getuid?.() ?? 0
  const groups = [...new Set([process.getgid?.() ?? 0, ...(process.getgroups?.() ?? [])])]
  const subject = `user:${uid}`
  for (const box of new Set(boxes)) {
    // Who has no right on anything is not even told that.
    const may = await cli.api.can(subject, 'use', box, groups).catch(nullIfDenied)
    if (may?.can === true) continue
    throw new SecretboxError('denied', `you may not give box ${quote(box)} to a container`, {
      hint: `who manages the box can let you: ${grantCommand(box, subject, 'use')}`
    })
  }
}

/** Whether the user who calls is one for whom nothing is kept back but what is for containers alone. */
export function isRoot(): boolean {
  return process.getuid?.() === 0
}

/** Null instead of `denied`: what may be used need not be for the user to look at. */
export function nullIfDenied(error: unknown): null {
  if (isSecretboxError(error, 'denied')) return null
  throw error
}
