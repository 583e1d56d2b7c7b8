import { closeSync, readFileSync } from 'node:fs'
import { UsageError } from './output/failure.ts'

/** How the user started the program. */
export interface Start {
  /** The program's name as it was called, then the arguments. */
  readonly argv: readonly string[]
  readonly env: NodeJS.ProcessEnv
  /** The descriptors above 2 that were open: programs that run for the user have them, too. */
  readonly descriptors: readonly number[]
}

/** The variable by which start.c says in which descriptor all of this lies. */
const variable = 'SECRETBOX_START'

/**
 * Takes what start.c has handed on; nothing of it is in this process's own arguments and environment, where Node would
 * obey it. A Node that was told to run the program without it, as tests do, has it there. Throws `UsageError` for an argument that is no text.
 */
export function readStart(): Start {
  const number = process.env[variable]
  if (number === undefined) {
    const [, ...argv] = process.argv
    return { argv, env: process.env, descriptors: [] }
  }
  const memory = Number(number)
  const given = readFileSync(memory)
  closeSync(memory)
  Reflect.deleteProperty(process.env, variable)
  return parseStart(given)
}

/** Reads what start.c writes: the number of arguments, the descriptors, the arguments, the environment, each ended by a NUL. */
export function parseStart(given: Buffer): Start {
  const texts: Buffer[] = []
  for (let at = 0, end: number; (end = given.indexOf(0, at)) !== -1; at = end + 1)
    texts.push(given.subarray(at, end))
  const [count, descriptors, ...rest] = texts
  const argc = Number(count)
  return {
    argv: rest.slice(0, argc).map(asText),
    env: environmentOf(rest.slice(argc)),
    descriptors: String(descriptors)
      .split(',')
      .filter(number => number !== '')
      .map(Number)
  }
}

// Node would put other bytes in the place of those that it cannot read, and docker would get them.
function asText(bytes: Buffer, at: number): string {
  const text = bytes.toString()
  if (Buffer.from(text).equals(bytes)) return text
  throw new UsageError(`cannot read argument ${at}: ${JSON.stringify(text)} is not UTF-8`)
}

function environmentOf(lines: readonly Buffer[]): NodeJS.ProcessEnv {
  const env = Object.create(null) as NodeJS.ProcessEnv
  for (const line of lines) {
    const text = line.toString()
    const equals = text.indexOf('=')
    // As for getenv(3), the first of a name counts.
    if (equals > 0) env[text.slice(0, equals)] ??= text.slice(equals + 1)
  }
  return env
}
