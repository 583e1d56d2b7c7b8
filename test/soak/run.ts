import { randomInt } from 'node:crypto'
import { copyFile, mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildForEngines } from '../kit/built.ts'
import { startRig } from '../kit/engine/rig.ts'
import { soak, type Soaked } from './soak.ts'

/*
 * run.ts: does at random what operators and containers do, lets the plugin and dockerd die in between, and asks
 * after each step the kernel, the containers and the vault whether all is as a model has it. Takes MINUTES (10).
 * Ends at the first violation, with exit code 1; the same SEED chooses the same steps.
 */
const minutes = numberIn('MINUTES', 10)
const seed = numberIn('SEED', randomInt(1, 2 ** 31))
/** How many of the last steps are printed when one has found a violation. */
const toldSteps = 8

const interruption = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => interruption.abort())

console.log(`soaking for ${minutes} minutes with SEED=${seed}`)
await buildForEngines()
const rig = await startRig({ liveRestore: true })
try {
  const soaked = await soak(rig, seed, minutes * 60_000, interruption.signal)
  tell(soaked)
  if (soaked.violations.length > 0) {
    process.exitCode = 1
    const kept = await mkdtemp(join(tmpdir(), 'secretbox-soak-'))
    await copyFile(rig.engine.log, join(kept, 'dockerd.log'))
    await writeFile(join(kept, 'steps'), soaked.told.join('\n'))
    console.log(`all steps, and the log of the Engine and the plugin, are in ${kept}`)
  } else if (interruption.signal.aborted) process.exitCode = 130
} finally {
  await rig.end()
}

function tell({ steps, told, operations, faults, violations, before, after }: Soaked): void {
  if (violations.length > 0) console.log(['', ...told.slice(-toldSteps)].join('\n'))
  console.log(`\n${steps} steps, ${operations} operations, ${faults} faults, ${violations.length} violations`)
  const words = ({ residentMiB, descriptors }: typeof before): string =>
    `${residentMiB.toFixed(0)} MiB and ${descriptors} descriptors`
  console.log(`the plugin took ${words(before)} before, and takes ${words(after)} now that all is over`)
  for (const violation of violations) console.log(`violation in step ${steps}, SEED=${seed}: ${violation}`)
}

function numberIn(name: string, otherwise: number): number {
  const given = process.env[name] ?? ''
  if (given === '') return otherwise
  if (!(Number(given) > 0)) throw new Error(`bad ${name} "${given}": it must be a number above 0`)
  return Number(given)
}
