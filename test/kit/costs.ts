import { appendFileSync, readFileSync } from 'node:fs'
import { relative } from 'node:path'

/** What a test file took: processor time, that of the processes which it started and saw end among it, and time. */
export interface Cost {
  readonly file: string
  readonly cpuSeconds: number
  readonly seconds: number
}

/** The processor time that this process and all that it has started and seen end took, in seconds (proc_pid_stat(5)). */
export function processorSeconds(): number {
  const fields = readFileSync('/proc/self/stat', 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ')
  // In hundredths: utime, stime, cutime, cstime.
  return fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0) / 100
}

/** Notes what a test file took in the file that TEST_COSTS names, if it does; `begun` is when that began. */
export function noteCost(
  testFile: string,
  begun: { readonly cpuSeconds: number; readonly ms: number }
): void {
  const notes = process.env['TEST_COSTS']
  if (notes === undefined) return
  const cost: Cost = {
    file: relative('.', testFile),
    cpuSeconds: processorSeconds() - begun.cpuSeconds,
    seconds: (Date.now() - begun.ms) / 1000
  }
  appendFileSync(notes, `${JSON.stringify(cost)}\n`)
}

/** What was noted in a file, as a table: the dearest first, `most` of them. */
export function tableOfCosts(notes: string, most: number): string {
  const costs = readFileSync(notes, 'utf8')
    .split('\n')
    .filter(line => line !== '')
    .map(line => JSON.parse(line) as Cost)
    .sort((one, other) => other.cpuSeconds - one.cpuSeconds)
  const cells = (number: number): string => `${number.toFixed(1).padStart(8)} s`
  const lines = costs
    .slice(0, most)
    .map(cost => `${cells(cost.cpuSeconds)}${cells(cost.seconds)}  ${cost.file}`)
  return ['processors        time', ...lines].join('\n')
}
