import { quote } from '../../base/errors.ts'
import { UsageError } from './failure.ts'

const unitMs: Readonly<Record<string, number>> = {
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000
}

/** Reads `90s`, `1h30m`, `7d`, `2w` into milliseconds; null for anything else. */
function durationMs(text: string): number | null {
  if (!/^(\d{1,9}[smhdw])+$/.test(text)) return null
  let ms = 0
  for (const [, count, unit = ''] of text.matchAll(/(\d+)([smhdw])/g))
    ms += Number(count) * (unitMs[unit] ?? 0)
  return ms
}

/**
 * Reads a date, or a time with or without its zone; null for anything else, and for a day that its month does not have. A date is
 * its beginning. What is typed at a terminal is the terminal's time, where no zone says otherwise.
 */
function momentMs(text: string): number | null {
  const [, date, time] =
    /^(\d{4}-\d\d-\d\d)(T\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)?)?$/.exec(text) ?? []
  if (date === undefined) return null
  // The thirtieth of February would be taken for a day of March.
  const day = new Date(`${date}T00:00Z`)
  if (Number.isNaN(day.getTime()) || !day.toISOString().startsWith(date)) return null
  // A date alone would be taken for UTC.
  const ms = Date.parse(`${date}${time ?? 'T00:00'}`)
  return Number.isNaN(ms) ? null : ms
}

/** More than anybody waits for, and as much as four digits of a year hold. */
const lastMs = Date.UTC(9999, 0)

/** The moment that `--expires` names, RFC 3339: in how long (`12h`, `30d`), a date, at whose beginning it is over, or a time. Throws `UsageError`. */
export function parseUntil(text: string, nowMs: number): string {
  const inMs = durationMs(text)
  const time = inMs === null ? momentMs(text) : nowMs + inMs
  if (time === null || time > lastMs)
    throw new UsageError(
      `bad time ${quote(text)}: it must be in how long, such as 12h, 30d or 2w, a date such as 2026-12-31, or a time such as 2026-12-31T12:00`
    )
  if (time <= nowMs)
    throw new UsageError(
      `bad time ${quote(text)}: it is over`,
      ...(text.includes('T') || inMs !== null ? [] : ['a date is until its beginning'])
    )
  return new Date(time).toISOString()
}

/** The moment that `--since` or `--until` names, RFC 3339: how long ago (`90s`, `1h30m`, `7d`), a date, which is its beginning, or a time. Throws `UsageError`. */
export function parseAgo(text: string, nowMs: number): string {
  const agoMs = durationMs(text)
  if (agoMs !== null) return new Date(Math.max(0, nowMs - agoMs)).toISOString()
  const time = momentMs(text)
  if (time !== null) return new Date(time).toISOString()
  throw new UsageError(
    `bad time ${quote(text)}: it must be how long ago, such as 90s, 1h30m, 7d or 2w, or a time such as 2026-01-31T12:00`
  )
}
