import { spawn, type ChildProcess } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { request } from 'node:http'

/** A server started in the background: its output goes to a log file, and it ends when this process does. */
export interface Background {
  readonly name: string
  readonly pid: number
  hasEnded(): boolean
  /** Sends the signal and waits until the process has ended. */
  kill(signal: NodeJS.Signals): Promise<void>
}

/** Starts a server in a session of its own, so that a Ctrl-C at the terminal does not reach it before its turn. */
export function startBackground(command: string, args: readonly string[], logFile: string): Background {
  const log = openSync(logFile, 'a', 0o600)
  // pdeathsig: even when this process is killed outright, no server stays behind.
  const child = spawn('setpriv', ['--pdeathsig', 'TERM', command, ...args], {
    stdio: ['ignore', log, log],
    detached: true
  })
  closeSync(log)
  if (child.pid === undefined) throw new Error(`cannot start ${command}: is util-linux's setpriv installed?`)
  return {
    name: command,
    pid: child.pid,
    hasEnded: () => hasEnded(child),
    kill: signal => killAndWait(child, signal)
  }
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null
}

async function killAndWait(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (hasEnded(child)) return
  const ended = new Promise(resolve => child.once('exit', resolve))
  child.kill(signal)
  await ended
}

/** The HTTP status of GET `path` at a Unix socket or a port of this host; null while nobody answers there. */
export function statusOf(
  server: { socketPath: string } | { host: '127.0.0.1'; port: number },
  path: string
): Promise<number | null> {
  return new Promise(resolve => {
    const asked = request({ ...server, path }, answer => {
      answer.resume()
      resolve(answer.statusCode ?? null)
    })
    asked.on('error', () => resolve(null))
    asked.end()
  })
}

/**
 * Waits until `isReady` says so. Rejects with the tail of the log when the server ends first or `deadlineMs`
 * has passed. A server tells nobody that it is ready, so this asks it again and again.
 */
export async function untilReady(
  server: Background,
  isReady: () => Promise<boolean>,
  logFile: string,
  deadlineMs = 120_000
): Promise<void> {
  const deadline = Date.now() + deadlineMs
  while (!(await isReady())) {
    if (server.hasEnded() || Date.now() > deadline) {
      const tail = (await readFile(logFile, 'utf8')).split('\n').slice(-25).join('\n')
      const what = server.hasEnded() ? 'ended' : 'did not answer'
      throw new Error(`${server.name} ${what} before it was ready; its log ends with\n${tail}`)
    }
    await new Promise(resolve => setTimeout(resolve, 50))
  }
}
