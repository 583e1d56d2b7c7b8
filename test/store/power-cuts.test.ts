import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { isLong } from '../kit/length.ts'
import { scratchDirectory } from '../kit/temporary.ts'
import { whatIsWrongWith } from './power-cuts-check.ts'
import { createDisk, type Disk, type Image } from './power-cuts-disk.ts'
import { readCalls, recordCalls, type FileCall } from './power-cuts-trace.ts'
import { expectedAfter, steps } from './power-cuts-workload.ts'

const worker = new URL('power-cuts-worker.ts', import.meta.url).pathname
const minuteMs = 60_000

/** How many cuts are taken in a row of writes without anything else in between; all of them where it is short. */
const cutsPerRow = isLong ? Infinity : 1
/** After how many of the calls there are cuts at all. */
const shareOfCalls = isLong ? 1 : 0.4
/** How many mixtures of written and lost there are at each cut, beside everything and nothing. */
const mixtures = isLong ? 6 : 1

let directory: string
let calls: FileCall[]

beforeAll(async () => {
  const scratch = scratchDirectory()
  directory = join(scratch, 'vault')
  mkdirSync(directory, { mode: 0o700 })
  await recordCalls(join(scratch, 'trace'), [process.execPath, worker, directory])
  calls = await readCalls(join(scratch, 'trace'), directory)
}, 3 * minuteMs)

interface Cut {
  readonly place: string
  readonly image: Image
  /** How many steps were done, and how many begun. */
  readonly done: number
  readonly begun: number
}

/** Every power cut there can be, in the order of time; all that was acknowledged before it is done. */
function* cutsIn(recorded: readonly FileCall[], random: () => number): Generator<Cut> {
  const disk: Disk = createDisk(directory)
  const rows = lengthsOfRows(recorded)
  let done = 0
  let begun = 0
  for (const [index, call] of recorded.entries()) {
    if (call.op === 'say') {
      const [word, count] = call.text.split(' ')
      if (word === 'done') done = Number(count)
      else if (word === 'begun') begun = Number(count)
    } else disk.apply(call)
    if (call.op === 'write' && random() > cutsPerRow / (rows[index] ?? 1)) continue
    if (random() > shareOfCalls) continue
    const place = `after call ${index} (${call.op}), step ${begun}`
    // A flush changes nothing of what is written, and nothing else changes what was flushed; what may be there becomes
    // less only when a step is done.
    const isDone = call.op === 'say' && call.text.startsWith('done')
    if (isDone || (call.op !== 'sync' && call.op !== 'say'))
      yield { place: `${place}, everything written`, image: disk.written(), done, begun }
    if (isDone || call.op === 'sync')
      yield { place: `${place}, only what was flushed`, image: disk.flushed(), done, begun }
    if (!disk.isDirty || (call.op === 'say' && !isDone)) continue
    for (let mixture = 0; mixture < mixtures; mixture++)
      yield { place: `${place}, a mixture`, image: disk.between(random), done, begun }
  }
}

/** For each call, how many writes there are in the row that it is one of. */
function lengthsOfRows(recorded: readonly FileCall[]): number[] {
  const lengths: number[] = []
  for (const { op } of recorded) lengths.push(op === 'write' ? (lengths.at(-1) ?? 0) + 1 : 0)
  for (let index = lengths.length - 2; index >= 0; index--)
    if ((lengths[index + 1] ?? 0) > 1) lengths[index] = lengths[index + 1] ?? 0
  return lengths
}

/** The violations of the invariant, by place, and the number of cuts. */
async function walk(recorded: readonly FileCall[]): Promise<{ cuts: number; violations: string[] }> {
  const states = Array.from({ length: steps.length + 1 }, (_, count) => expectedAfter(steps, count))
  const violations: string[] = []
  let cuts = 0
  for (const { place, image, done, begun } of cutsIn(recorded, numbersFrom(1))) {
    cuts++
    const wrong = await whatIsWrongWith(image, states.slice(done, Math.max(done, begun) + 1))
    if (wrong !== null) violations.push(`${place}: ${wrong}`)
  }
  return { cuts, violations }
}

test('the model of the disk ends with what the real disk holds', () => {
  const disk = createDisk(directory)
  for (const call of calls) disk.apply(call)
  const image = disk.written()
  expect([...image.keys()].sort()).toEqual(readdirSync(directory).sort())
  for (const [name, contents] of image)
    expect(readFileSync(join(directory, name)).equals(contents), name).toBe(true)
})

test(
  'after a power cut at any moment each box is at its old or its new version, and the audit agrees',
  { timeout: 30 * minuteMs },
  async () => {
    const { cuts, violations } = await walk(calls)
    console.log(`${cuts} power cuts during ${calls.length} calls, ${violations.length} violations`)
    expect(violations).toEqual([])
    expect(cuts).toBeGreaterThan(300)
  }
)

test('a store that did not flush its log would be found out', { timeout: 30 * minuteMs }, async () => {
  const early = calls.slice(0, calls.findIndex(call => call.op === 'say' && call.text === 'done 4') + 1)
  const { violations } = await walk(
    early.filter(call => call.op !== 'sync' || !call.path.endsWith('store.db-wal'))
  )
  expect(violations.length).toBeGreaterThan(0)
})

/** Numbers from 0 to 1 that are the same at every run (a linear congruential generator, after POSIX's example). */
function numbersFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff
    return state / 0x80000000
  }
}
