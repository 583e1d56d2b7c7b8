const sizeUnits = ['B', 'kB', 'MB', 'GB', 'TB', 'PB']

/** A size as docker shows it: powers of 1000, at most four digits (`1.234kB`, `32B`). */
export function humanSize(bytes: number): string {
  let value = bytes
  let unit = 0
  while (value >= 1000 && unit < sizeUnits.length - 1) {
    value /= 1000
    unit++
  }
  return `${Number(value.toPrecision(4))}${sizeUnits[unit] ?? ''}`
}

const ageSteps: readonly (readonly [limitSeconds: number, seconds: number, unit: string])[] = [
  [60, 1, 'second'],
  [60 * 60, 60, 'minute'],
  [48 * 3600, 3600, 'hour'],
  [14 * 86_400, 86_400, 'day'],
  [60 * 86_400, 7 * 86_400, 'week'],
  [730 * 86_400, 30 * 86_400, 'month'],
  [Infinity, 365 * 86_400, 'year']
]

/** How long ago an RFC 3339 time was, as docker shows it (`3 minutes ago`); the text itself when it is none. */
export function humanAge(time: string, nowMs: number): string {
  const seconds = Math.floor((nowMs - Date.parse(time)) / 1000)
  if (Number.isNaN(seconds)) return time
  if (seconds < 1) return 'just now'
  const [, length, unit] = ageSteps.find(([limit]) => seconds < limit) ?? [Infinity, 1, 'second']
  const count = Math.floor(seconds / length)
  return `${count} ${unit}${count === 1 ? '' : 's'} ago`
}

/** `1 file`, `2 files`: a count and its noun. */
export function counted(count: number, noun: string, nouns = `${noun}s`): string {
  return `${count} ${count === 1 ? noun : nouns}`
}
