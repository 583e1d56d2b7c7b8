import { badArchive, cutShort } from './bad-archive.ts'
import { blocksOf, type Blocks } from './blocks.ts'
import { compressionOf } from './compression.ts'
import {
  blockBytes,
  entryHeader,
  isGnu,
  isHeader,
  isZeros,
  mapGoesOn,
  meaningOf,
  sizeIn,
  type TarHeader
} from './header.ts'
import { withPaxRecords, type PaxRecords } from './pax.ts'

/** An entry of an archive. */
export interface TarEntry {
  readonly header: TarHeader
  /** The header's blocks as they came, with those before it that speak of this entry alone. */
  readonly headBlocks: Buffer
  /** As they came: the blocks since the entry before that speak of all that follows. */
  readonly globalBlocks: Buffer
  /** Its bytes, for the reader to overwrite. What is not read is skipped, and overwritten, once the next entry is asked for. */
  readonly contents: AsyncIterable<Buffer>
}

/** Names and attributes longer than this are nobody's, and neither are so many blocks before an entry. */
const maxForewordBytes = 1 << 20
const maxForewords = 64
/** What to do about sparse files. */
export const sparseHint = 'make the archive without --sparse (-S)'

/**
 * The entries of a tar archive in its order: v7, ustar, GNU or pax. Every byte is accounted for. Whatever leaves it
 * open where the next entry begins, an archive without its end, and anything after the end but zeros and another
 * archive throws `invalid`: who reads to the last entry has had all of them.
 */
export async function* entriesOf(archive: AsyncIterable<Uint8Array>): AsyncGenerator<TarEntry, undefined> {
  const blocks = blocksOf(archive)
  let globals: PaxRecords = new Map()
  let globalBlocks: Buffer[] = []
  let head = noForeword(globals)
  let state: 'beginning' | 'within' | 'ended' = 'beginning'
  try {
    for (;;) {
      const block = await blocks.block()
      if (block.length === 0 && state === 'ended') return
      if (isZeros(block) && (block.length === blockBytes || state === 'ended') && head.blocks.length === 0) {
        state = 'ended'
        continue
      }
      if (!isHeader(block)) throw notHeader(block, state)
      state = 'within'

      const meaning = meaningOf(block)
      switch (meaning.is) {
        case 'pax':
          head.pax = withPaxRecords(head.pax, await foreword(blocks, block, head.blocks))
          continue
        case 'long-name':
          head.longName = asText(await foreword(blocks, block, head.blocks))
          continue
        case 'long-link':
          head.longLink = asText(await foreword(blocks, block, head.blocks))
          continue
        case 'pax-global':
          globals = withPaxRecords(globals, await foreword(blocks, block, globalBlocks))
          if (head.blocks.length === 0) head = noForeword(globals)
          continue
        case 'label':
          await foreword(blocks, block, globalBlocks)
          continue
        default:
      }
      const header = entryHeader(block, meaning, head)
      const map = meaning.is === 'gnu-sparse' ? await sparseMap(blocks, block) : []
      const content = counted(blocks, header.size)
      yield {
        header,
        headBlocks: Buffer.concat([...head.blocks, block, ...map]),
        globalBlocks: Buffer.concat(globalBlocks),
        contents: content
      }
      for await (const bytes of content) bytes.fill(0)
      await blocks.take(paddingOf(header.size))
      head = noForeword(globals)
      globalBlocks = []
    }
  } finally {
    await blocks.close()
  }
}

/** How many bytes fill the last block of contents. */
export function paddingOf(size: number): number {
  return (blockBytes - (size % blockBytes)) % blockBytes
}

/** What was said of the next entry, and the blocks that said it. */
interface Foreword {
  pax: PaxRecords
  longName: Buffer | null
  longLink: Buffer | null
  readonly blocks: Buffer[]
}

function noForeword(globals: PaxRecords): Foreword {
  return { pax: globals, longName: null, longLink: null, blocks: [] }
}

/** Can be read in several goes: each takes what those before it left. */
function counted(blocks: Blocks, size: number): AsyncIterable<Buffer> {
  let left = size
  return {
    async *[Symbol.asyncIterator]() {
      while (left > 0) {
        const bytes = await blocks.some(left)
        left -= bytes.length
        yield bytes
      }
    }
  }
}

/** The contents of a header that speaks of entries to come; all its blocks are kept. */
async function foreword(blocks: Blocks, header: Buffer, kept: Buffer[]): Promise<Buffer> {
  const size = sizeIn(header)
  if (size > maxForewordBytes) throw badArchive(`a name or attribute in it has ${size} bytes`)
  if (kept.length > 2 * maxForewords) throw badArchive('too much in it is said before an entry')
  const bytes = await blocks.take(size + paddingOf(size))
  kept.push(header, bytes)
  return bytes.subarray(0, size)
}

// Closed by a NUL; one in the middle stays, and is refused with the name.
function asText(bytes: Buffer): Buffer {
  let end = bytes.length
  while (end > 0 && bytes[end - 1] === 0) end--
  return bytes.subarray(0, end)
}

/** The blocks in which a sparse file's map goes on, which its size does not count (GNU tar's manual, "Sparse Formats"). */
async function sparseMap(blocks: Blocks, header: Buffer): Promise<Buffer[]> {
  if (!isGnu(header)) throw badArchive('it holds a sparse file in a form that is not known here', sparseHint)
  const map: Buffer[] = []
  for (let goesOn = mapGoesOn(header, 'header'); goesOn;) {
    const block = await blocks.take(blockBytes)
    if (map.push(block) * blockBytes > maxForewordBytes)
      throw badArchive('the map of a sparse file in it is too long')
    goesOn = mapGoesOn(block, 'map')
  }
  return map
}

function notHeader(block: Buffer, state: 'beginning' | 'within' | 'ended'): Error {
  if (state === 'ended') return badArchive('something follows its end')
  if (state === 'within') {
    return block.length < blockBytes ? cutShort() : badArchive('a header in it is damaged, or missing')
  }
  if (block.length === 0) return badArchive('there is nothing', 'an archive of no files has at least its end')
  const compression = compressionOf(block)
  if (compression !== null) {
    return badArchive(`it is compressed (${compression.name})`, `send what "${compression.undo}" makes of it`)
  }
  return badArchive('it does not begin with a header of tar')
}
