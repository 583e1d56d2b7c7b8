import { open, readdir, readFile } from 'node:fs/promises'
import type { Engine } from './engine.ts'

/** The pid of the plugin that this Engine runs, known by its program and by the directories it was given. */
export async function pluginProcess(engine: Engine): Promise<number> {
  for (const pid of (await readdir('/proc')).filter(name => /^\d+$/.test(name))) {
    // A process may end between the listing and the reading.
    const read = (file: string): Promise<string> => readFile(`/proc/${pid}/${file}`, 'utf8').catch(() => '')
    if (!(await read('cmdline')).includes('/usr/lib/secretbox/daemon.mjs')) continue
    if ((await read('mountinfo')).includes(engine.pluginData)) return Number(pid)
  }
  throw new Error(`no plugin runs in the Engine at ${engine.root}`)
}

/** True when any readable memory of the process holds one of the byte strings. Needs root. */
export async function memoryHolds(pid: number, needles: readonly Buffer[]): Promise<boolean> {
  const overlap = Math.max(...needles.map(needle => needle.length)) - 1
  const chunk = Buffer.alloc(4 << 20)
  const memory = await open(`/proc/${pid}/mem`)
  try {
    for (const line of (await readFile(`/proc/${pid}/maps`, 'utf8')).split('\n')) {
      const [, start, end] = /^([0-9a-f]+)-([0-9a-f]+) r/.exec(line) ?? []
      if (start === undefined || end === undefined || line.endsWith('[vvar]') || line.endsWith('[vsyscall]'))
        continue
      const stop = Number.parseInt(end, 16)
      for (let at = Number.parseInt(start, 16); at < stop; at += chunk.length - overlap) {
        const wanted = Math.min(chunk.length, stop - at)
        // Reserved but never touched memory cannot be read; it holds nothing.
        const { bytesRead } = await memory.read(chunk, 0, wanted, at).catch(() => ({ bytesRead: 0 }))
        const seen = chunk.subarray(0, bytesRead)
        if (needles.some(needle => seen.includes(needle))) return true
      }
    }
    return false
  } finally {
    chunk.fill(0)
    await memory.close()
  }
}
