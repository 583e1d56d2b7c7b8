import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'

/** Something that a process did to files, in the order in which it was done; paths are absolute. */
export type FileCall =
  | { readonly op: 'open'; readonly path: string; readonly creates: boolean; readonly truncates: boolean }
  | { readonly op: 'write'; readonly path: string; readonly at: number | null; readonly bytes: Buffer }
  | { readonly op: 'truncate'; readonly path: string; readonly size: number }
  | { readonly op: 'sync'; readonly path: string }
  | { readonly op: 'rename' | 'link'; readonly from: string; readonly to: string }
  | { readonly op: 'unlink'; readonly path: string }
  /** What it said on standard output. */
  | { readonly op: 'say'; readonly text: string }

/** What is recorded. Every call by which files could be changed is here, so that one we cannot read is noticed. */
const traced = [
  ...['open', 'openat', 'openat2', 'creat', 'write', 'pwrite64', 'writev', 'pwritev', 'pwritev2'],
  ...['ftruncate', 'truncate', 'fallocate', 'fsync', 'fdatasync', 'sync_file_range'],
  ...['rename', 'renameat', 'renameat2', 'link', 'linkat', 'symlink', 'symlinkat', 'unlink', 'unlinkat'],
  ...['copy_file_range', 'sendfile', 'splice', 'io_uring_setup']
]

/** Runs a program under strace, which writes to `traceFile`. Throws unless it exits with 0. */
export async function recordCalls(traceFile: string, command: readonly string[]): Promise<void> {
  const flags = [
    '-f',
    '-qq',
    '-y',
    '-xx',
    '-s',
    '67108864',
    '-e',
    'signal=none',
    '-e',
    `trace=${traced.join()}`
  ]
  const strace = spawn('strace', [...flags, '-o', traceFile, ...command], {
    stdio: ['ignore', 'ignore', 'inherit']
  })
  const [code] = (await once(strace, 'close')) as [number | null]
  if (code !== 0) throw new Error(`${command.join(' ')} exited with ${code ?? 'a signal'}`)
}

/** Reads what strace wrote; calls on files outside of `directory` are left out. Throws at a call that it cannot read. */
export async function readCalls(traceFile: string, directory: string): Promise<FileCall[]> {
  const calls: FileCall[] = []
  const unfinished = new Map<string, string>()
  for await (const line of createInterface({ input: createReadStream(traceFile) })) {
    const [, pid = '', rest = ''] = /^(\d+) +(.*)$/s.exec(line) ?? []
    const resumed = /^<\.\.\. \w+ resumed>(.*)$/s.exec(rest)
    if (rest.endsWith(' <unfinished ...>')) {
      unfinished.set(pid, rest.slice(0, -' <unfinished ...>'.length))
      continue
    }
    const whole = resumed === null ? rest : (unfinished.get(pid) ?? '') + (resumed[1] ?? '')
    const call = readCall(whole, directory)
    if (call !== null) calls.push(call)
  }
  return calls
}

function readCall(text: string, directory: string): FileCall | null {
  const [, name = '', argumentText = '', result = ''] = /^(\w+)\((.*)\) += (\S+)/s.exec(text) ?? []
  if (result.startsWith('-') || result === '?' || result === '') return null
  const args = argumentText.split(', ')
  const arg = (index: number): string => args[index] ?? ''
  // A path, or the path of a descriptor, in hexadecimal.
  const paths = args.map(one => decoded(/"([^"]*)"/.exec(one)?.[1] ?? /<([^>]*)>/.exec(one)?.[1] ?? ''))
  const isOurs = (path: string | undefined): path is string => path?.startsWith(`${directory}/`) ?? false
  const path = paths[0] ?? ''
  switch (name) {
    case 'openat': {
      const opened = decoded(/<([^>]*)>/.exec(result)?.[1] ?? '')
      if (!isOurs(opened)) return null
      return {
        op: 'open',
        path: opened,
        creates: arg(2).includes('O_CREAT'),
        truncates: arg(2).includes('O_TRUNC')
      }
    }
    case 'write':
    case 'pwrite64': {
      const bytes = bytesOf(arg(1)).subarray(0, Number(result))
      if (args[0]?.startsWith('1<') === true) return { op: 'say', text: bytes.toString().trim() }
      if (!isOurs(path)) return null
      return { op: 'write', path, at: name === 'write' ? null : Number(arg(3)), bytes }
    }
    case 'ftruncate':
      return isOurs(path) ? { op: 'truncate', path, size: Number(arg(1)) } : null
    case 'fsync':
    case 'fdatasync':
      return isOurs(path) || path === directory ? { op: 'sync', path } : null
    case 'rename':
      return isOurs(path) ? { op: 'rename', from: path, to: paths[1] ?? '' } : null
    case 'link':
      return isOurs(path) ? { op: 'link', from: path, to: paths[1] ?? '' } : null
    case 'unlink':
      return isOurs(path) ? { op: 'unlink', path } : null
    default:
      if (paths.some(isOurs)) throw new Error(`cannot read the call ${text.slice(0, 200)}`)
      return null
  }
}

/** strace -xx writes strings as \x61\x62. */
function bytesOf(text: string): Buffer {
  return Buffer.from(text.replace(/^"|"$/g, '').replaceAll('\\x', ''), 'hex')
}

function decoded(text: string): string {
  return text.startsWith('\\x') ? bytesOf(text).toString() : text
}
