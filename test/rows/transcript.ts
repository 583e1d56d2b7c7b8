import { readFileSync } from 'node:fs'
import { canRunHere, runHere } from '../kit/run-here.ts'
import { runProgram, type Outcome } from '../kit/run-program.ts'

/** A rule that the program keeps, by its number among the requirements, and a transcript that shows it. */
export interface Row {
  readonly row: number
  readonly rule: string
  /**
   * What a user types and sees. `$ ` begins a shell command, `> ` goes on with it. What it writes to standard output
   * follows as it is, then what it writes to standard error, each line after `! `, then its exit status in brackets
   * unless that is 0. `…` stands for any text on its line. Whether the last line has an end is not told.
   */
  readonly transcript: string
}

/** The rows of a file beside this one: each begins with a line `== NUMBER: RULE`; what comes before the first says what they are about. */
export function rowsOf(file: 'boxes.txt' | 'api.txt' | 'containers.txt'): readonly Row[] {
  const [, ...parts] = readFileSync(new URL(file, import.meta.url), 'utf8').split(/^== /m)
  return parts.map(part => {
    const [, row, rule = '', transcript = ''] = /^(\d+): (.*)\n([^]*)$/.exec(part) ?? []
    if (row === undefined) throw new Error(`${file}: not a row: "== ${part.split('\n')[0] ?? ''}"`)
    return { row: Number(row), rule, transcript }
  })
}

type Said = Pick<Outcome, 'code' | 'stdout' | 'stderr'>

/** Where the commands of a transcript run. */
export interface Surroundings {
  readonly cwd: string
  readonly env: NodeJS.ProcessEnv
}

/** Runs the commands of a transcript, one after the other; gives its lines as they are written, and as they came. */
export async function replay(
  transcript: string,
  { cwd, env }: Surroundings
): Promise<{ written: string[]; came: string[] }> {
  const written = splitLines(transcript.trimEnd())
  const came: string[] = []
  for (const command of commandsIn(written)) {
    const typed = command.map(line => line.slice(2)).join('\n')
    const { stdout, stderr, code } = await runTyped(typed, { cwd, env })
    const status = code === 0 ? [] : [`[${code}]`]
    const said = splitLines(stderr).map(line => `! ${line}`)
    came.push(...command, ...splitLines(stdout), ...said, ...status)
  }
  return { written, came: came.map((line, at) => (matches(written[at], line) ? written[at] : line)) }
}

/** Our program with words that a shell takes as they are, or in single quotes; it may get such a word, or a variable, from printf. */
const ours = /^(?:printf (\$?[\w.-]+) \| )?docker[- ]vault((?: (?:'[^'\n]*'|[\w./:=@%+,-]+))*)$/

/** Runs what was typed as a shell does, which it needs no shell for where it is our program alone: a Node takes a third of a second to start. */
async function runTyped(typed: string, { cwd, env }: Surroundings): Promise<Said> {
  const commands = typed.split(' && ').map(command => {
    const [, input = '', words = ''] = ours.exec(command) ?? []
    const typedArgs = (words.match(/'[^']*'|[^ ']+/g) ?? []).map(word => word.replaceAll("'", ''))
    // Docker starts its plugin so.
    const args = command.includes('docker vault') ? ['vault', ...typedArgs] : typedArgs
    return {
      args,
      input: input.startsWith('$') ? (env[input.slice(1)] ?? '') : input,
      isOurs: ours.test(command) && canRunHere(args)
    }
  })
  if (!commands.every(({ isOurs }) => isOurs))
    return runProgram('sh', ['-c', `umask 022\n${typed}`], { cwd, env })
  let all: Said = { code: 0, stdout: '', stderr: '' }
  for (const { args, input } of commands) {
    const { code, stdout, stderr } = await runHere('docker-vault', args, { input, cwd, env })
    all = { code, stdout: all.stdout + stdout, stderr: all.stderr + stderr }
    if (code !== 0) break
  }
  return all
}

function matches(pattern: string | undefined, line: string): pattern is string {
  if (pattern === undefined) return false
  const parts = pattern.split('…').map(part => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
  return new RegExp(`^${parts.join('.*')}$`, 's').test(line)
}

function commandsIn(lines: readonly string[]): string[][] {
  const commands: string[][] = []
  for (const line of lines) {
    if (line.startsWith('$ ')) commands.push([line])
    else if (line.startsWith('> ')) commands.at(-1)?.push(line)
  }
  return commands
}

function splitLines(text: string): string[] {
  return text === '' ? [] : text.replace(/\n$/, '').split('\n')
}
