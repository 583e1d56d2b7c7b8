import { SecretboxError } from '../../base/errors.ts'
import { printable } from './printable.ts'

/** What the process's exit status says: all done, something failed, the command was wrong, no daemon, or no answer of its where 1 is a no. */
export const exitCodes = { done: 0, failed: 1, usage: 2, outOfReach: 3, unanswered: 3 } as const

/** The command line itself is wrong: exit status 2. */
export class UsageError extends SecretboxError {
  constructor(message: string, hint?: string) {
    super('invalid', message, hint === undefined ? {} : { hint })
  }
}

/** Nobody answers at the admin socket: exit status 3. Nothing more can be done in this run. */
export class OutOfReach extends SecretboxError {
  /** This user may not ask. */
  readonly forbidden: boolean
  /** Somebody answered, and something else than was asked. */
  readonly wasAnswered: boolean

  constructor(message: string, hint?: string, { forbidden = false, wasAnswered = false } = {}) {
    super('unavailable', message, hint === undefined ? {} : { hint })
    this.forbidden = forbidden
    this.wasAnswered = wasAnswered
  }
}

/** Somebody else than root or this user answers, or could: likewise. Nothing was sent. */
export class Distrusted extends OutOfReach {}

/** The exit status that an error asks for. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof UsageError) return exitCodes.usage
  if (error instanceof OutOfReach) return exitCodes.outOfReach
  return exitCodes.failed
}

/** The error as a user reads it: `error: …`, then `hint: …` where there is one; names in it cannot steer a terminal. */
export function errorLines(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error)
  const lines = [`error: ${printable(message)}`]
  if (error instanceof SecretboxError && error.hint !== undefined)
    lines.push(`hint: ${printable(error.hint)}`)
  return lines.map(line => `${line}\n`).join('')
}
