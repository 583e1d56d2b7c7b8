import { isSecretboxError, quote } from '../../base/errors.ts'
import { parseBoxName, parseFilePath, type BoxName, type FilePath } from '../../base/names.ts'
import { shellWord } from '../../base/shell-word.ts'
import { splitAt } from '../input/split-at.ts'
import { UsageError } from '../output/failure.ts'
import { valuesOf, type CommandLine } from './command-line.ts'

/** An `--env-box`: a file of variables; null: the only file of the box. */
export interface EnvBox {
  readonly box: BoxName
  readonly path: FilePath | null
  /** As it was given. */
  readonly flag: string
}

const form = 'write it as --env-box BOX or --env-box BOX:FILE'
const intoBox =
  'everybody can read arguments: put the line into a file of a box (docker vault put BOX:FILE), and give that: --env-box BOX:FILE'

/** Throws `UsageError` for what is a variable where a box is wanted, by `what`; of its value it says nothing. */
export function refuseVariable(value: string, what: string, hint: string): void {
  const [, variable] = /^([A-Za-z_][\w.-]*)=/.exec(value) ?? []
  if (variable !== undefined)
    throw new UsageError(`${what} takes a box, not the variable ${quote(variable)} itself`, hint)
}

/** Reads the value of an `--env-box`. Throws `UsageError`, which says nothing of what may be a secret. */
export function parseEnvBox(value: string): EnvBox {
  refuseVariable(value, '--env-box', intoBox)
  const flag = `--env-box ${value}`
  try {
    const colon = value.indexOf(':')
    const [name, file] = colon === -1 ? [value, null] : splitAt(value, colon)
    const path = file === null ? null : parseFilePath(file)
    if (path === '') throw new UsageError(`bad flag ${quote(flag)}: it names no file`, form)
    return { box: parseBoxName(name), path, flag }
  } catch (error) {
    if (!isSecretboxError(error, 'invalid') || error instanceof UsageError) throw error
    throw new UsageError(`bad flag ${quote(flag)}: ${error.message}`, form)
  }
}

/**
 * Throws `UsageError` for an `--env` that means a file of a box: docker would take it for the name of a variable of ours, and
 * would give the container nothing.
 */
export function refuseBoxesInEnv(line: CommandLine): void {
  const [box] = valuesOf(line, 'env').filter(value => /^[^=\s]+:[^=\s]+$/.test(value))
  if (box === undefined) return
  throw new UsageError(
    `--env takes a variable, not the file ${quote(box)} of a box`,
    `give it as: --env-box ${shellWord(box)}`
  )
}
