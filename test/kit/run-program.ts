import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Readable } from 'node:stream'

/** What a run of the program left: its exit status and all it wrote. */
export interface Outcome {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
  /** `stdout` before it was taken for text. */
  readonly bytes: Buffer
}

/** How a run differs from the usual one. */
export interface Conditions {
  readonly input?: string | Buffer
  readonly cwd?: string
  readonly env?: NodeJS.ProcessEnv
}

/** Runs any program to its end. `input` is all of its stdin. */
export async function runProgram(
  program: string,
  args: readonly string[],
  { input = '', cwd, env }: Conditions = {}
): Promise<Outcome> {
  const child = spawn(program, args, { cwd, env, stdio: ['pipe', 'pipe', 'pipe'] })
  // A program that does not read its input to the end closes it under us; its exit status tells the tale.
  child.stdin.on('error', () => undefined)
  child.stdin.end(input)
  const [stdout, stderr, [code]] = await Promise.all([
    collect(child.stdout),
    collect(child.stderr),
    once(child, 'close') as Promise<[number | null]>
  ])
  return { code, stdout: stdout.toString(), stderr: stderr.toString(), bytes: stdout }
}

async function collect(stream: Readable): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

/** What a run that did all it was told leaves. */
export function done(stdout = ''): Pick<Outcome, 'code' | 'stdout' | 'stderr'> {
  return { code: 0, stdout, stderr: '' }
}
