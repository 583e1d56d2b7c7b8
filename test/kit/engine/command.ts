import { spawn } from 'node:child_process'

/** What a finished command left: its exit code (128 + n when signal n ended it) and its output. */
export interface Finished {
  code: number
  stdout: string
  stderr: string
}

export interface CommandOptions {
  env?: NodeJS.ProcessEnv
  cwd?: string
  /** Written to the command's standard input, which is closed afterwards. */
  input?: string | Buffer
}

/** Runs a command to its end and never throws for its exit code; throws when it cannot be started. */
export async function tryCommand(
  command: string,
  args: readonly string[],
  options: CommandOptions = {}
): Promise<Finished> {
  const child = spawn(command, args, { env: options.env, cwd: options.cwd })
  const output: Record<'stdout' | 'stderr', Buffer[]> = { stdout: [], stderr: [] }
  child.stdout.on('data', (chunk: Buffer) => output.stdout.push(chunk))
  child.stderr.on('data', (chunk: Buffer) => output.stderr.push(chunk))
  // A command may end before it has read all of its input; its exit code tells, not EPIPE.
  child.stdin.on('error', () => undefined)
  child.stdin.end(options.input)
  const code = await new Promise<number>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (status, signal) => resolve(status ?? (signal === 'SIGKILL' ? 137 : 143)))
  })
  return {
    code,
    stdout: Buffer.concat(output.stdout).toString(),
    stderr: Buffer.concat(output.stderr).toString()
  }
}

/** Runs a command and gives its standard output. Throws with its standard error when it exits with anything but 0. */
export async function runCommand(
  command: string,
  args: readonly string[],
  options: CommandOptions = {}
): Promise<string> {
  const { code, stdout, stderr } = await tryCommand(command, args, options)
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} exited with ${code}: ${stderr || stdout}`)
  return stdout
}
