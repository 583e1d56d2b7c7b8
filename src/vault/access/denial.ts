import { SecretboxError, type ErrorCode } from '../../base/errors.ts'
import type { Details } from './actions.ts'

/** What was decided against while an act was under way, when more was known than its caller and its resource. */
export class Denial extends SecretboxError {
  /** What the audit keeps of it. */
  readonly details: Details
  /** The IDs of containers that will be denied the same until something else is granted. */
  readonly containers: readonly string[]

  constructor(
    code: ErrorCode,
    message: string,
    { hint, details, containers }: { hint: string; details: Details; containers: readonly string[] }
  ) {
    super(code, message, { hint })
    this.name = 'Denial'
    this.details = details
    this.containers = containers
  }
}
