import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Engine } from './engine.ts'
import { importTestImage } from './image.ts'
import { startPrivateEngine } from './private-engine.ts'

/*
 * with-engine.ts COMMAND [ARGUMENT...]: starts a private Engine with the test image in it, runs the command
 * with DOCKER_HOST and DOCKER_CONFIG set for that Engine (and ENGINE_ROOT, where its things lie), and removes
 * the Engine without a trace when the command ends or Ctrl-C is pressed. Exits as the command did.
 */
const [command, ...args] = process.argv.slice(2)
if (command === undefined) throw new Error('cannot run nothing: say with-engine.ts COMMAND [ARGUMENT...]')

const interruption = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => interruption.abort())

try {
  const engine = await startPrivateEngine()
  try {
    await importTestImage(engine)
    process.exitCode = await exitCodeOf(command, args, engine, interruption.signal)
  } finally {
    await engine.stop()
  }
} catch (error) {
  // Ctrl-C reaches the programs that we run, too: that they fail then is no news.
  if (!interruption.signal.aborted) console.error(`error: ${(error as Error).message}`)
  process.exitCode = interruption.signal.aborted ? 130 : 1
}

/** The command's exit code; 130, as a shell says it, when it was interrupted. */
async function exitCodeOf(
  program: string,
  programArgs: readonly string[],
  { env, root }: Engine,
  interrupted: AbortSignal
): Promise<number> {
  if (interrupted.aborted) return 130
  const child = spawn(program, programArgs, { env: { ...env, ENGINE_ROOT: root }, stdio: 'inherit' })
  interrupted.addEventListener('abort', () => child.kill('SIGTERM'))
  const [code] = (await once(child, 'close')) as [number | null]
  return code ?? 130
}
