import { open, readFile } from 'node:fs/promises'

const chunkBytes = 4 << 20

/** Which of the needles lie in memory that a process can write to; each with the kind of memory it was found in. */
export async function foundInMemory(
  pid: number,
  needles: Readonly<Record<string, Buffer>>
): Promise<string[]> {
  const found = new Set<string>()
  const longest = Math.max(...Object.values(needles).map(({ length }) => length))
  const memory = await open(`/proc/${pid}/mem`, 'r')
  try {
    const chunk = Buffer.alloc(chunkBytes + longest)
    for (const { start, end, name } of await writableMaps(pid)) {
      for (let at = start; at < end; at += chunkBytes) {
        const length = Math.min(chunk.length, end - at)
        const bytesRead = await memory.read(chunk, 0, length, at).then(
          result => result.bytesRead,
          // Reserved, never touched.
          () => 0
        )
        const seen = chunk.subarray(0, bytesRead)
        for (const [label, needle] of Object.entries(needles))
          if (seen.includes(needle)) found.add(`${label} in ${name}`)
      }
    }
    return [...found].sort()
  } finally {
    await memory.close()
  }
}

async function writableMaps(pid: number): Promise<{ start: number; end: number; name: string }[]> {
  const lines = (await readFile(`/proc/${pid}/maps`, 'utf8')).trim().split('\n')
  return lines.flatMap(line => {
    const [range = '', permissions = '', , , , ...name] = line.split(/ +/)
    const [start = 0, end = 0] = range.split('-').map(digits => Number.parseInt(digits, 16))
    return permissions.startsWith('rw') ? [{ start, end, name: name.join(' ') || 'anonymous memory' }] : []
  })
}
