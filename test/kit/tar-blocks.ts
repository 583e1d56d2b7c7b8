import { Buffer } from 'node:buffer'

/** The ways of writing tar that are told apart by what stands at byte 257. */
export const dialects = { v7: '', ustar: 'ustar\u000000', gnu: 'ustar  \0' } as const
export type Dialect = keyof typeof dialects

/** A header of a test's own making; every field may be wrong. */
export interface Head {
  readonly name?: string | Buffer
  readonly type?: string
  readonly dialect?: Dialect
  readonly size?: number | Buffer
  readonly mode?: string
  readonly linkname?: string | Buffer
  readonly prefix?: string
  /** Written after all fields, before the checksum. */
  readonly patch?: (block: Buffer) => void
  readonly checksum?: 'right' | 'signed' | 'wrong'
}

/** One block, with its checksum. */
export function head({
  name = 'x',
  type = '0',
  dialect = 'ustar',
  size = 0,
  mode = '0000640',
  ...more
}: Head): Buffer {
  const block = Buffer.alloc(512)
  const put = (at: number, text: string): void => {
    block.set(Buffer.from(text, 'latin1'), at)
  }
  block.set(Buffer.from(name as string), 0)
  put(100, `${mode}\0`)
  put(108, '0000000\0')
  put(116, '0000000\0')
  if (typeof size === 'number') put(124, `${size.toString(8).padStart(11, '0')}\0`)
  else block.set(size, 124)
  put(136, '00000000000\0')
  put(156, type)
  if (more.linkname !== undefined) block.set(Buffer.from(more.linkname as string), 157)
  put(257, dialects[dialect])
  if (more.prefix !== undefined) block.set(Buffer.from(more.prefix), 345)
  more.patch?.(block)
  block.fill(0x20, 148, 156)
  const sum = [...block].reduce(
    (total, byte) => total + (more.checksum === 'signed' ? (byte << 24) >> 24 : byte),
    0
  )
  put(148, `${(more.checksum === 'wrong' ? sum + 1 : sum).toString(8).padStart(6, '0')}\0 `)
  return block
}

/** Contents, filled up to whole blocks. */
export function filled(contents: string | Buffer): Buffer {
  const bytes = Buffer.from(contents as string)
  return Buffer.concat([bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)])
}

/** A header and its contents. */
export function entry(contents: string | Buffer, { size, ...fields }: Head = {}): Buffer {
  const bytes = Buffer.from(contents as string)
  return Buffer.concat([head({ size: size ?? bytes.length, ...fields }), filled(bytes)])
}

/** A header of POSIX's extended kind before another one. */
export function pax(records: Readonly<Record<string, string>>, type = 'x'): Buffer {
  return entry(Object.entries(records).map(record).join(''), { type, name: 'PaxHeaders/x' })
}

function record([key, value]: [string, string]): string {
  const rest = ` ${key}=${value}\n`
  const bytes = Buffer.byteLength(rest)
  let length = bytes
  while (bytes + String(length).length !== length) length = bytes + String(length).length
  return `${length}${rest}`
}

/** What closes an archive. */
export const end = Buffer.alloc(1024)

export function archive(...parts: readonly Buffer[]): Buffer {
  return Buffer.concat([...parts, end])
}
