import type { Taken } from '../kit/taken.ts'

/** One row of the chart. */
export interface Row extends Taken {
  readonly elapsedMs: number
  readonly operations: number
  readonly faults: number
  readonly copies: number
}

const mostMiB = 160
const mostDescriptors = 80
const barLength = 20

/** The line above the rows. */
export const heading = '  time   operations  faults  copies  memory of the plugin           its descriptors'

/** A row as one line, with a bar for memory and one for descriptors. */
export function lineOf(row: Row): string {
  const minutes = Math.floor(row.elapsedMs / 60_000)
  const seconds = Math.floor((row.elapsedMs % 60_000) / 1000)
  return [
    `${String(minutes).padStart(3)}:${String(seconds).padStart(2, '0')}`,
    String(row.operations).padStart(11),
    String(row.faults).padStart(6),
    String(row.copies).padStart(6),
    ` ${row.residentMiB.toFixed(0).padStart(4)} MiB ${bar(row.residentMiB / mostMiB)}`,
    `${String(row.descriptors).padStart(3)} ${bar(row.descriptors / mostDescriptors)}`
  ].join('  ')
}

function bar(share: number): string {
  return '#'.repeat(Math.min(barLength, Math.round(share * barLength))).padEnd(barLength, '.')
}
