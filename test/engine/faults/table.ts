import { writeSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { PrivateEngineOptions } from '../../kit/engine/private-engine.ts'
import { startRig, type Rig } from '../../kit/engine/rig.ts'
import { openStage, type FaultCase, type Outcome, type Stage } from './stage.ts'

/** A rig and a stage take long to set up when the machine is busy. */
const setUpMs = 180_000
const caseMs = 600_000

/**
 * Makes every case a test, played one after another in one private Engine, and prints the table of what became of
 * them at the end.
 */
export function playTable(title: string, options: PrivateEngineOptions, cases: readonly FaultCase[]): void {
  const outcomes = new Map<FaultCase, Outcome | Error>()
  let rig: Rig
  let stage: Stage & { run(one: FaultCase): Promise<Outcome> }

  beforeAll(async () => {
    rig = await startRig(options)
    stage = await openStage(rig)
  }, setUpMs)

  afterAll(async () => {
    await rig.end()
    // Not console.log, which the reporter would cut into pieces.
    writeSync(1, `\n${tableOf(title, cases, outcomes)}\n`)
  }, setUpMs)

  test.for(cases.map(one => [`${one.fault}: ${one.moment}`, one] as const))(
    '%s',
    { timeout: caseMs },
    async ([, one]) => {
      try {
        const outcome = await stage.run(one)
        outcomes.set(one, outcome)
        expect(outcome).toMatchObject({ liveIntact: null, deadGone: null, strays: null })
      } catch (error) {
        if (!outcomes.has(one)) outcomes.set(one, error as Error)
        throw error
      }
    }
  )
}

function tableOf(
  title: string,
  cases: readonly FaultCase[],
  outcomes: ReadonlyMap<FaultCase, Outcome | Error>
): string {
  const rows = cases.map((one, index) => [
    String(index + 1),
    one.fault,
    one.moment,
    ...verdicts(outcomes.get(one))
  ])
  const lines = [['case', 'fault', 'moment', 'live intact', 'dead gone', 'after', 'strays'], ...rows]
  const widths = lines[0]?.map((_, column) => Math.max(...lines.map(line => line[column]?.length ?? 0))) ?? []
  const text = lines.map(line =>
    line
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd()
  )
  return [`${title}: ${cases.length} cases`, ...text].join('\n')
}

function verdicts(outcome: Outcome | Error | undefined): string[] {
  if (outcome === undefined || outcome instanceof Error) return ['not played', '', '', '']
  const yes = (wrong: string | null): string => (wrong === null ? 'yes' : 'NO')
  return [
    yes(outcome.liveIntact),
    yes(outcome.deadGone),
    `${outcome.goneMs} ms`,
    outcome.strays === null ? 'none' : outcome.strays
  ]
}
