import { errorOf } from '../../api/errors.ts'
import type { Api } from '../client/api.ts'
import type { Input, Speaker } from '../output/streams.ts'
import { errorLines, exitCodeOf, exitCodes, OutOfReach } from '../output/failure.ts'
import type { EngineChoice } from '../client/invocation.ts'
import { interruptible } from '../client/interruptible.ts'
import { printable } from '../output/printable.ts'

/** What a command works with: who called, where it reads and writes, and the daemon. */
export interface Cli extends Speaker {
  /** How the user calls the program: `docker vault`, `docker-vault` or `secretbox`. */
  readonly name: string
  readonly env: NodeJS.ProcessEnv
  readonly stdin: Input
  readonly api: Api
  /** Which Engine the user chose, where docker's own options say so. */
  readonly docker: EngineChoice
  /** The descriptors above 2 that the user opened for the programs that we run. */
  readonly descriptors: readonly number[]
  /** Acts on one item after the other; one that fails is told by `fail`, and the next has its turn. */
  each<T>(items: Iterable<T>, act: (item: T) => Promise<void>): Promise<void>
  /** Sets the exit status, whatever failed: that of a program which was run in our place. */
  endWith(exitCode: number): void
  /** The exit status that the failures so far ask for. */
  exitCode(): number
}

/** Where a command's surroundings come from; the process's own, outside of tests. */
export type Surroundings = Pick<
  Cli,
  'name' | 'env' | 'stdin' | 'stdout' | 'stderr' | 'api' | 'docker' | 'descriptors'
>

/** Makes the surroundings usable by commands. */
export function cliOf(surroundings: Surroundings): Cli {
  const { stdout, stderr } = surroundings
  let exitCode: number = exitCodes.done
  const fail = (error: unknown) => {
    if (error instanceof OutOfReach) throw error
    stderr.write(errorLines(error))
    exitCode = exitCodeOf(error)
  }
  return {
    ...surroundings,
    api: interruptible(surroundings.api, stderr),
    print: line => void stdout.write(`${printable(line)}\n`),
    note: line => void stderr.write(`${printable(line)}\n`),
    fail,
    async each(items, act) {
      for (const item of items) await act(item).catch(fail)
    },
    failEach(errors) {
      for (const error of errors) fail(errorOf(error))
    },
    endWith(code) {
      exitCode = code
    },
    exitCode: () => exitCode
  }
}
