import type { Readable, Writable } from 'node:stream'
import type { ErrorAnswer } from '../../api/errors.ts'

/** A stream that may be a terminal; `columns` is then its width in characters. */
export type Output = Writable & { readonly isTTY?: boolean; readonly columns?: number }

/** A stream that may be a terminal, which can then be told not to show what is typed. */
export type Input = Readable & { readonly isTTY?: boolean; setRawMode?(raw: boolean): unknown }

/** How a command speaks. */
export interface Speaker {
  readonly stdout: Output
  readonly stderr: Output
  /** Writes one line to stdout; control characters in it are escaped. */
  print(line: string): void
  /** Writes one line to stderr, likewise. For what is good to know and is no result. */
  note(line: string): void
  /**
   * Says what is wrong with one item; the command goes on and the process ends with a failure. Throws the
   * error again when there is no point in going on: no daemon answers.
   */
  fail(error: unknown): void
  /** Tells the items of a change that the daemon did not take, likewise. */
  failEach(errors: readonly ErrorAnswer[]): void
}
