import { quote } from '../../base/errors.ts'
import { UsageError } from './failure.ts'

const unitMs: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** Reads `90s`, `1h30m`, `7d` into milliseconds; null for anything else. */
function durationMs(text: string): number | null {
  if (!/^(\d{1,9}[smhd])+$/.test(text)) return null
  let ms = 0
  for (const [, count, unit = ''] of text.matchAll(/(\d+)([smhd])/g))
    ms += Number(count) * (unitMs[unit] ?? 0)
  return ms
}

/** More than anybody waits for, and as much as four digits of a year hold. */
const lastMs = Date.UTC(9999, 0)

/** The moment that `--expires` names, RFC 3339: in how long (`12h`, `30d`) or a time with its zone. Throws `UsageError`. */
export function parseUntil(text: string, nowMs: number): string {
  const inMs = durationMs(text)
  const time =
    inMs === null
      ? /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/.test(text)
        ? Date.parse(text)
        : NaN
      : nowMs + inMs
  if (Number.isNaN(time) || time > lastMs)
    throw new UsageError(
      `bad time ${quote(text)}: it must be in how long, such as 12h or 30d, or a time such as 2026-12-31T00:00:00Z`
    )
  if (time <= nowMs) throw new UsageError(`bad time ${quote(text)}: it is over`)
  return new Date(time).toISOString()
}

/** The moment that `--since` names, RFC 3339: how long ago (`90s`, `1h30m`, `7d`), a date or a time. Throws `UsageError`. */
export function parseSince(text: string, nowMs: number): string {
  const agoMs = durationMs(text)
  if (agoMs !== null) return new Date(Math.max(0, nowMs - agoMs)).toISOString()
  if (/^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)?)?$/.test(text)) {
    // A date alone would be taken for UTC; what is typed at a terminal is the terminal's time.
    const time = new Date(text.includes('T') ? text : `${text}T00:00`)
    if (!Number.isNaN(time.getTime())) return time.toISOString()
  }
  throw new UsageError(
    `bad time ${quote(text)}: it must be how long ago, such as 90s, 1h30m or 7d, or a time such as 2026-01-31T12:00`
  )
}
