import type { FileCall } from './power-cuts-trace.ts'

/** The files of one directory: names and contents. */
export type Image = ReadonlyMap<string, Buffer>

/**
 * A directory on a disk with a cache. What was not flushed may be there after a power cut or not, in any
 * combination and of a write only some sectors; names appear and go in the order in which they did, but as late as
 * their directory is flushed.
 */
export interface Disk {
  /** Does what a process did. */
  apply(call: FileCall): void
  /** True when a power cut now could lose something. */
  readonly isDirty: boolean
  /** What a process sees now, and what is there when the machine stops with everything written. */
  written(): Image
  /** What is there when nothing but what was flushed has reached the disk. */
  flushed(): Image
  /** Something between the two; `random` gives numbers from 0 to 1. */
  between(random: () => number): Image
}

type DataChange = { readonly at: number; readonly bytes: Buffer } | { readonly size: number }

interface Inode {
  flushed: Buffer
  readonly pending: DataChange[]
  position: number
}

type NameChange = (names: Map<string, Inode>) => void

const sectorBytes = 512

/** The disk below `directory`, empty at first. */
export function createDisk(directory: string): Disk {
  const names = new Map<string, Inode>()
  const flushedNames = new Map<string, Inode>()
  const pendingNames: NameChange[] = []
  const inodes = new Set<Inode>()

  const changeNames = (change: NameChange): void => {
    change(names)
    pendingNames.push(change)
  }
  const at = (path: string): Inode => {
    const inode = names.get(path)
    if (inode === undefined) throw new Error(`${path} was not opened`)
    return inode
  }
  const image = (shown: ReadonlyMap<string, Inode>, contents: (inode: Inode) => Buffer): Image =>
    new Map([...shown].map(([path, inode]) => [path.slice(directory.length + 1), contents(inode)]))

  return {
    get isDirty() {
      return pendingNames.length > 0 || [...inodes].some(({ pending }) => pending.length > 0)
    },

    apply(call) {
      switch (call.op) {
        case 'open': {
          if (!names.has(call.path)) {
            if (!call.creates) throw new Error(`${call.path} is not there`)
            const inode: Inode = { flushed: Buffer.alloc(0), pending: [], position: 0 }
            inodes.add(inode)
            changeNames(known => known.set(call.path, inode))
          }
          const inode = at(call.path)
          inode.position = 0
          if (call.truncates) inode.pending.push({ size: 0 })
          return
        }
        case 'write': {
          const inode = at(call.path)
          const offset = call.at ?? inode.position
          if (call.at === null) inode.position += call.bytes.length
          inode.pending.push({ at: offset, bytes: call.bytes })
          return
        }
        case 'truncate':
          at(call.path).pending.push({ size: call.size })
          return
        case 'sync':
          if (call.path === directory) {
            for (const change of pendingNames.splice(0)) change(flushedNames)
          } else {
            const inode = at(call.path)
            inode.flushed = changed(inode.flushed, inode.pending.splice(0))
          }
          return
        case 'rename':
          changeNames(known => {
            const inode = known.get(call.from)
            if (inode !== undefined) known.set(call.to, inode)
            known.delete(call.from)
          })
          return
        case 'link':
          changeNames(known => {
            const inode = known.get(call.from)
            if (inode !== undefined) known.set(call.to, inode)
          })
          return
        case 'unlink':
          changeNames(known => known.delete(call.path))
          return
        case 'say':
          return
      }
    },

    written: () => image(names, ({ flushed, pending }) => changed(flushed, pending)),

    flushed: () => image(flushedNames, ({ flushed }) => flushed),

    between(random) {
      const shown = new Map(flushedNames)
      for (const change of pendingNames.slice(0, Math.floor(random() * (pendingNames.length + 1))))
        change(shown)
      // One inode may have two names.
      const contents = new Map<Inode, Buffer>()
      for (const inode of new Set(shown.values())) {
        const kept = inode.pending.flatMap(change => partOf(change, random))
        contents.set(inode, changed(inode.flushed, kept))
      }
      return image(shown, inode => contents.get(inode) ?? inode.flushed)
    }
  }
}

function changed(contents: Buffer, changes: readonly DataChange[]): Buffer {
  const ends = changes.map(change => ('size' in change ? change.size : change.at + change.bytes.length))
  const now = Buffer.alloc(Math.max(contents.length, ...ends))
  contents.copy(now)
  let length = contents.length
  for (const change of changes) {
    if ('size' in change) {
      now.fill(0, change.size)
      length = change.size
    } else {
      change.bytes.copy(now, change.at)
      length = Math.max(length, change.at + change.bytes.length)
    }
  }
  return now.subarray(0, length)
}

/** What of a change has reached the disk: all, nothing, or of a write some sectors. */
function partOf(change: DataChange, random: () => number): DataChange[] {
  const luck = random()
  if (luck < 0.4) return []
  if (luck < 0.8 || 'size' in change) return [change]
  const parts: DataChange[] = []
  const end = change.at + change.bytes.length
  for (let from = change.at; from < end;) {
    const to = Math.min(end, (Math.floor(from / sectorBytes) + 1) * sectorBytes)
    if (random() < 0.5)
      parts.push({ at: from, bytes: change.bytes.subarray(from - change.at, to - change.at) })
    from = to
  }
  return parts
}
