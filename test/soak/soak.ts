import { chmod, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { mountAsNobody } from '../kit/engine/attacker.ts'
import { compiled } from '../kit/engine/compiled.ts'
import type { Rig } from '../kit/engine/rig.ts'
import { takenBy, type Taken } from '../kit/taken.ts'
import { wrongWithCopies, wrongWithVault } from './check.ts'
import { heading, lineOf } from './curves.ts'
import type { Site } from './deed.ts'
import { newModel, runningIn } from './model.ts'
import { randomFrom } from '../kit/random.ts'
import { takeStep } from './step.ts'

/** How a soak went. */
export interface Soaked {
  readonly steps: number
  /** What each step did, a line each. */
  readonly told: readonly string[]
  readonly operations: number
  readonly faults: number
  /** What the last step found; a soak goes no further. */
  readonly violations: readonly string[]
  /** What the plugin took before it had done anything, and when all was over. */
  readonly before: Taken
  readonly after: Taken
}

const rows = 30

/** Takes steps until the time is over, `signal` aborts or a step finds a violation, and prints how it goes. */
export async function soak(rig: Rig, seed: number, forMs: number, signal: AbortSignal): Promise<Soaked> {
  const reports = join(rig.engine.root, 'reports')
  await mkdir(reports)
  const attacker = compiled(rig.engine, 'attacker')
  const site: Site = { rig, model: newModel(), random: randomFrom(seed), reports, attacker }
  // All the time, as anybody on the host can.
  await chmod(rig.engine.root, 0o711)
  const endMounts = await mountAsNobody(attacker, `secretbox:${'0'.repeat(32)}`, 2000)
  try {
    return await soakOn(site, forMs, signal)
  } finally {
    await endMounts()
  }
}

async function soakOn(site: Site, forMs: number, signal: AbortSignal): Promise<Soaked> {
  const { rig } = site
  const taken = async (): Promise<Taken> => takenBy(await rig.pluginPid())
  const before = await taken()
  const begun = performance.now()
  const done = { steps: 0, operations: 0, faults: 0, rows: 0 }
  const told: string[] = []
  let violations: readonly string[] = []

  console.log(heading)
  while (violations.length === 0 && performance.now() - begun < forMs && !signal.aborted) {
    const step = await takeStep(site)
    done.steps++
    done.operations += step.deeds.length
    if (step.fault !== null) done.faults++
    told.push(
      `step ${done.steps}: ${[...step.deeds, ...(step.fault === null ? [] : [step.fault])].join('; ')}`
    )
    violations = step.violations
    const elapsedMs = performance.now() - begun
    if (elapsedMs >= (forMs / rows) * done.rows) {
      done.rows = Math.floor((elapsedMs / forMs) * rows) + 1
      const copies = runningIn(site.model).reduce((sum, { volumes }) => sum + volumes.length, 0)
      console.log(lineOf({ elapsedMs, ...done, copies, ...(await taken()) }))
    }
  }
  if (violations.length === 0) violations = await wrongAtTheEnd(site)
  return { ...done, told, violations, before, after: await taken() }
}

/** Ends all containers and looks what is left. */
async function wrongAtTheEnd(site: Site): Promise<string[]> {
  const names = [...site.model.containers.keys()]
  if (names.length > 0) await site.rig.engine.docker(['rm', '--force', ...names])
  site.model.containers.clear()
  return [...(await wrongWithCopies(site)), ...(await wrongWithVault(site))]
}
