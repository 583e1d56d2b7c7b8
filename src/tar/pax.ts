import { badArchive } from './bad-archive.ts'

/** What extended headers say, by keyword. */
export type PaxRecords = ReadonlyMap<string, Buffer>

/**
 * Reads the records of an extended header, "%d %s=%s\n" each (POSIX pax(1), "pax Header Block"), over others that they
 * replace; an empty value takes a record away. Throws `invalid`.
 */
export function withPaxRecords(before: PaxRecords, bytes: Buffer): PaxRecords {
  const records = new Map(before)
  for (let rest = bytes; rest.length > 0;) {
    const stated = /^(\d{1,8}) /.exec(rest.toString('latin1', 0, 9))
    const length = Number(stated?.[1] ?? 0)
    const start = stated?.[0].length ?? 0
    const equals = rest.indexOf('=', start)
    const isWhole = length <= rest.length && equals > start && equals < length && rest[length - 1] === 0x0a
    if (!isWhole) throw badArchive('an extended header in it is damaged')
    const [key, value] = [rest.toString('utf8', start, equals), rest.subarray(equals + 1, length - 1)]
    if (value.length === 0) records.delete(key)
    else records.set(key, value)
    rest = rest.subarray(length)
  }
  return records
}
