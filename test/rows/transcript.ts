import { readFileSync } from 'node:fs'
import { runProgram } from '../kit/run-program.ts'

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
    const { stdout, stderr, code } = await runProgram('sh', ['-c', `umask 022\n${typed}`], { cwd, env })
    const status = code === 0 ? [] : [`[${code}]`]
    const said = splitLines(stderr).map(line => `! ${line}`)
    came.push(...command, ...splitLines(stdout), ...said, ...status)
  }
  return { written, came: came.map((line, at) => (matches(written[at], line) ? written[at] : line)) }
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
