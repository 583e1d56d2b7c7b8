import { execFileSync } from 'node:child_process'

/**
 * The shared libraries, the loader among them, that the ELF files in `binaries` need: absolute paths, sorted,
 * as the loader spells them. Throws when a library is missing on this machine.
 */
export function sharedLibraries(binaries: readonly string[]): string[] {
  const found = new Set<string>()
  for (const binary of binaries) {
    const lines = execFileSync('ldd', [binary], { encoding: 'utf8' }).split('\n')
    for (const line of lines) {
      if (line.includes('not found'))
        throw new Error(`cannot build the rootfs: "${binary}" needs ${line.trim()}`)
      const path = /(?:=>\s+|^\s+)(\/\S+)\s+\(0x/.exec(line)?.[1]
      if (path !== undefined) found.add(path)
    }
  }
  if (found.size === 0)
    throw new Error(`cannot build the rootfs: ldd names no library of "${binaries.join('", "')}"`)
  return [...found].sort()
}
