/** How an archive may be compressed, and a command that undoes it to standard output. */
interface Compression {
  readonly name: 'gzip' | 'zstd' | 'bzip2' | 'xz' | 'lzip' | 'lzma' | 'lz4' | 'compress'
  readonly undo: string
}

const magics: readonly (readonly [magic: Buffer, compression: Compression])[] = [
  [Buffer.from('1f8b', 'hex'), { name: 'gzip', undo: 'gzip -dc' }],
  [Buffer.from('28b52ffd', 'hex'), { name: 'zstd', undo: 'zstd -dc' }],
  [Buffer.from('BZh'), { name: 'bzip2', undo: 'bzip2 -dc' }],
  [Buffer.from('fd377a585a00', 'hex'), { name: 'xz', undo: 'xz -dc' }],
  [Buffer.from('LZIP'), { name: 'lzip', undo: 'lzip -dc' }],
  [Buffer.from('5d0000', 'hex'), { name: 'lzma', undo: 'xz -dc' }],
  [Buffer.from('04224d18', 'hex'), { name: 'lz4', undo: 'lz4 -dc' }],
  [Buffer.from('1f9d', 'hex'), { name: 'compress', undo: 'gzip -dc' }]
]

/** How many bytes `compressionOf` needs to see. */
export const magicBytes = 6

/** Tells by its first bytes how something is compressed; null for what is not, as far as is known here. */
export function compressionOf(head: Buffer): Compression | null {
  return magics.find(([magic]) => head.subarray(0, magic.length).equals(magic))?.[1] ?? null
}
