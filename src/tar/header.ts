import { isUtf8 } from 'node:buffer'
import { quote } from '../base/errors.ts'
import { badArchive } from './bad-archive.ts'
import type { PaxRecords } from './pax.ts'

/** tar(5): everything in an archive comes in blocks of this length. */
export const blockBytes = 512

/** What an entry is: one of what a box can hold, or `other`. */
export type EntryType = 'file' | 'link' | 'symlink' | 'directory' | 'other'

/** What an archive says of an entry before its contents. */
export interface TarHeader {
  readonly type: EntryType
  /** Of an entry of type `other`: what it is, as in "it is a fifo". */
  readonly what: string | null
  readonly name: string
  /** Of a link or symlink: what it leads to; otherwise empty. */
  readonly linkname: string
  /** Which of the two is not UTF-8, and has U+FFFD where it is not; null when both are. */
  readonly notUtf8: 'name' | 'linkname' | null
  /** Permission bits, 0 to 0o7777. */
  readonly mode: number
  /** How many bytes of contents follow, padding apart. */
  readonly size: number
}

/** What a type byte says: an entry, or words about entries to come. */
type Meaning =
  | { readonly is: EntryType; readonly what?: string; readonly hasContents: boolean }
  | { readonly is: 'pax' | 'pax-global' | 'long-name' | 'long-link' | 'label'; readonly hasContents: true }
  | { readonly is: 'gnu-sparse'; readonly hasContents: true }

const other = (what: string, hasContents = true): Meaning => ({ is: 'other', what, hasContents })
const file: Meaning = { is: 'file', hasContents: true }

/**
 * Every type byte that somebody gave a meaning: POSIX pax(1), "ustar Interchange Format"; GNU tar's `tar.h`; star(5);
 * Solaris' `tar.h`. POSIX lets a reader take others for regular files; a secret is rather refused than guessed.
 */
const meanings: Readonly<Record<string, Meaning>> = {
  '\0': file,
  '0': file,
  '7': file, // contiguous
  '1': { is: 'link', hasContents: false },
  '2': { is: 'symlink', hasContents: false },
  '3': other('a device', false),
  '4': other('a device', false),
  '5': { is: 'directory', hasContents: false },
  '6': other('a fifo', false),
  x: { is: 'pax', hasContents: true },
  X: { is: 'pax', hasContents: true }, // Solaris' older letter for it
  g: { is: 'pax-global', hasContents: true },
  L: { is: 'long-name', hasContents: true },
  K: { is: 'long-link', hasContents: true },
  V: { is: 'label', hasContents: true },
  D: { is: 'directory', hasContents: true }, // followed by the names in it (GNU, incremental)
  S: { is: 'gnu-sparse', hasContents: true },
  M: other('the rest of a file that begins in another volume'),
  N: other('a list of long names, as very old GNU tar wrote it'),
  A: other('an access control list'),
  E: other('an extended attribute'),
  I: other('an inode without its contents')
}

/** What a header's type byte, and the dialect of the archive, make of it. */
export function meaningOf(block: Buffer): Meaning {
  const byte = block[156] ?? 0
  const found = meanings[String.fromCharCode(byte)]
  return found ?? other(`of a type that is not known here (0x${byte.toString(16).padStart(2, '0')})`)
}

/** True for a block that can be a header: its checksum is right. Some old programs summed signed bytes. */
export function isHeader(block: Buffer): boolean {
  if (block.length !== blockBytes) return false
  let [unsigned, signed] = [0, 0]
  for (const [at, value] of block.entries()) {
    const byte = at >= 148 && at < 156 ? 0x20 : value
    unsigned += byte
    signed += byte < 0x80 ? byte : byte - 0x100
  }
  const stated = octalIn(block, 148, 8)
  return stated !== null && (stated === unsigned || stated === signed)
}

/** A copy of a header that states another length. */
export function withSize(block: Buffer, size: number): Buffer {
  const copy = Buffer.from(block)
  copy.write(`${size.toString(8).padStart(11, '0')}\0`, 124, 'latin1')
  copy.fill(0x20, 148, 156)
  const sum = copy.reduce((total, byte) => total + byte, 0)
  copy.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  return copy
}

/** True for a block of an archive's end. */
export function isZeros(block: Buffer): boolean {
  return block.every(byte => byte === 0)
}

/** How many bytes follow a header, as the header itself says. Throws `invalid`. */
export function sizeIn(block: Buffer): number {
  return numberIn(block, 124, 12, 'size')
}

/** True for the header of a GNU sparse file, whose map goes on in the next block; further on, in such a block. */
export function mapGoesOn(block: Buffer, place: 'header' | 'map'): boolean {
  return block[place === 'header' ? 482 : 504] !== 0
}

/** True when GNU tar made the header: only then it is known where its own types end. */
export function isGnu(block: Buffer): boolean {
  return block.toString('latin1', 257, 265) === 'ustar  \0'
}

/** What was said of an entry before its header. */
export interface Foreword {
  readonly pax: PaxRecords
  readonly longName: Buffer | null
  readonly longLink: Buffer | null
}

/** Reads an entry's header together with what was said before it. Throws `invalid`. */
export function entryHeader(
  block: Buffer,
  meaning: Meaning,
  { pax, longName, longLink }: Foreword
): TarHeader {
  const nameBytes = pax.get('GNU.sparse.name') ?? pax.get('path') ?? longName ?? ownName(block)
  const linkBytes = pax.get('linkpath') ?? longLink ?? field(block, 157, 100)
  const name = nameBytes.toString()
  const isLink = meaning.is === 'link' || meaning.is === 'symlink'
  const size = pax.has('size') ? paxSize(pax, name) : sizeIn(block)
  if (!meaning.hasContents && size > 0) {
    // Some programs write contents after such a header and some do not, and both give the length.
    throw badArchive(
      `${quote(name)} has no contents and a length of ${size}, so that what follows it is not clear`
    )
  }
  const isSparse =
    meaning.is === 'gnu-sparse' || [...pax.keys()].some(key => /^GNU\.sparse\.|^SCHILY\.realsize$/.test(key))
  const what = isSparse ? 'a sparse file' : (whatOf(meaning, name, size) ?? null)
  return {
    type: what === null ? typeOf(meaning, name) : 'other',
    what,
    name,
    linkname: isLink ? linkBytes.toString() : '',
    notUtf8: !isUtf8(nameBytes) ? 'name' : isLink && !isUtf8(linkBytes) ? 'linkname' : null,
    mode: numberIn(block, 100, 8, 'mode') & 0o7777,
    size
  }
}

// Archives from before there was a type for directories end their names with a slash.
function typeOf({ is }: Meaning, name: string): EntryType {
  if (is === 'file' && name.endsWith('/')) return 'directory'
  return is === 'file' || is === 'link' || is === 'symlink' || is === 'directory' ? is : 'other'
}

function whatOf(meaning: Meaning, name: string, size: number): string | undefined {
  if (meaning.is === 'file' && name.endsWith('/') && size > 0)
    return 'a directory with the contents of a file'
  return meaning.is === 'other' ? meaning.what : undefined
}

// POSIX archives have the front part of a long name in a field of its own; GNU's have other things there.
function ownName(block: Buffer): Buffer {
  const name = field(block, 0, 100)
  if (block.toString('latin1', 257, 263) !== 'ustar\0') return name
  const front = field(block, 345, 155)
  return front.length === 0 ? name : Buffer.concat([front, Buffer.from('/'), name])
}

function field(block: Buffer, at: number, length: number): Buffer {
  const bytes = block.subarray(at, at + length)
  const end = bytes.indexOf(0)
  return end === -1 ? bytes : bytes.subarray(0, end)
}

function paxSize(pax: PaxRecords, name: string): number {
  const text = pax.get('size')?.toString() ?? ''
  const size = /^\d{1,16}$/.test(text) ? Number(text) : Infinity
  if (!Number.isSafeInteger(size)) throw badArchive(`${quote(name)} has the length ${quote(text)}`)
  return size
}

function numberIn(block: Buffer, at: number, length: number, what: string): number {
  const value = (block[at] ?? 0) & 0x80 ? base256In(block, at, length) : octalIn(block, at, length)
  if (value === null) throw badArchive(`${quote(ownName(block).toString())} has a ${what} that is no number`)
  return value
}

function octalIn(block: Buffer, at: number, length: number): number | null {
  const digits = /^[ \0]*([0-7]*)(?:[ \0].*)?$/s.exec(block.toString('latin1', at, at + length))?.[1]
  return digits === undefined ? null : Number.parseInt(digits || '0', 8)
}

// GNU: a set first bit, and then the number itself, most significant byte first; 0xff begins negative ones.
function base256In(block: Buffer, at: number, length: number): number | null {
  let value = BigInt((block[at] ?? 0) & 0x7f)
  for (const byte of block.subarray(at + 1, at + length)) value = value * 256n + BigInt(byte)
  return value <= Number.MAX_SAFE_INTEGER ? Number(value) : null
}
