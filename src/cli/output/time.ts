import { quote } from '../../base/errors.ts'
import { UsageError } from './failure.ts'

const unitMs: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** The moment that `--since` names, RFC 3339: how long ago (`90s`, `1h30m`, `7d`), a date or a time. Throws `UsageError`. */
export function parseSince(text: string, nowMs: number): string {
  if (/^(\d{1,9}[smhd])+$/.test(text)) {
    let agoMs = 0
    for (const [, count, unit = ''] of text.matchAll(/(\d+)([smhd])/g))
      agoMs += Number(count) * (unitMs[unit] ?? 0)
    const then = nowMs - agoMs
    return new Date(Math.max(0, then)).toISOString()
  }
  if (/^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)?)?$/.test(text)) {
    // A date alone would be taken for UTC; what is typed at a terminal is the terminal's time.
    const time = new Date(text.includes('T') ? text : `${text}T00:00`)
    if (!Number.isNaN(time.getTime())) return time.toISOString()
  }
  throw new UsageError(
    `bad time ${quote(text)}: it must be how long ago, such as 90s, 1h30m or 7d, or a time such as 2026-01-31T12:00`
  )
}
