import { isSecretboxError, quote } from '../../base/errors.ts'
import { parseBoxName, parseFilePath, type BoxName, type FilePath } from '../../base/names.ts'
import { shellWord } from '../../base/shell-word.ts'
import { argumentsAreSeen, refuseContents } from '../input/refuse-contents.ts'
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
const intoBox = `${argumentsAreSeen}: put the line into a file of a box (docker vault put BOX:FILE), and give that: --env-box BOX:FILE`

/** Reads the value of an `--env-box`. Throws `UsageError`, which says nothing of what may be a secret. */
export function parseEnvBox(value: string): EnvBox {
  refuseContents(value, '--env-box takes a box', intoBox)
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
