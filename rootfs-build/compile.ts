import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { projectRoot } from './bundle.ts'

/** There is no C compiler of this name. */
export class NoCompiler extends Error {
  constructor(name: string) {
    super(`there is no C compiler "${name}"`)
  }
}

/**
 * Compiles C sources, which are named from the project's root, into the program `outFile`. The compiler is what `CC` says, as
 * make has it: a program, and arguments where there are any; or another that is named. Warnings are errors. Throws `NoCompiler`, or an error with
 * what the compiler says.
 */
export async function compile(
  sources: readonly string[],
  outFile: string,
  flags: readonly string[],
  named = process.env['CC'] ?? ''
): Promise<void> {
  const [compiler = 'cc', ...first] = named.match(/\S+/g) ?? []
  const args = [...first, '-Wall', '-Wextra', '-Werror', ...flags, '-o', outFile, ...sources]
  try {
    await promisify(execFile)(compiler, args, { cwd: projectRoot })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    throw new NoCompiler(compiler)
  }
}
