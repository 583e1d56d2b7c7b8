import { fillBox, sampleFiles, type Files } from '../../kit/engine/boxes.ts'
import { eventually } from '../../kit/eventually.ts'
import type { Rig } from '../../kit/engine/rig.ts'
import { straysBeside } from '../../kit/engine/strays.ts'
import { createWatcher, type Watcher, type WatcherOptions } from './watcher.ts'

/**
 * A copy that nobody holds is gone within some seconds of when the plugin serves; the table says how long it took. This
 * only ends the waiting for one that stays.
 */
const goneWithinMs = 120_000

/** One case: a fault at a moment of a container's life. */
export interface FaultCase {
  readonly fault: string
  readonly moment: string
  /** Plays it and gives the containers that must have lived through it, beside the witness; all others must have ended. */
  play(stage: Stage): Promise<readonly Watcher[]>
}

/** What became of a case; null: as it must be. A case that could not be played throws. */
export interface Outcome {
  readonly liveIntact: string | null
  readonly deadGone: string | null
  /** Of the containers that the case itself ended with, once they were removed. */
  readonly strays: string | null
  /** How long the slowest of the dead copies was there, from when the plugin served. */
  readonly goneMs: number
}

/** Where cases are played, one after another: a rig, a box, and a witness that holds a copy all the time. */
export interface Stage {
  readonly rig: Rig
  readonly files: Files
  readonly box: string
  /** A container that has run since before the case; its copy must stay as it is. */
  witness(): Watcher
  /** A new container of the volume; not started. */
  subject(options?: WatcherOptions): Promise<Watcher>
  /** As `subject`, started. */
  runningSubject(options?: WatcherOptions): Promise<Watcher>
  /** What there is beside the copies of these containers, once it had time to go; null when it has gone. */
  strays(live: readonly Watcher[]): Promise<string | null>
  /** Says that this case ends the witness, as what kills all containers does. */
  endsWitness(): unknown
  /** Says that this case takes the copies of running containers out of the host's sight, as `plugin disable -f` does. */
  orphansCopies(): unknown
}

/** Makes the box and the volume, and starts the witness. */
export async function openStage(rig: Rig): Promise<Stage & { run(one: FaultCase): Promise<Outcome> }> {
  const { engine } = rig
  const box = 'db'
  const files = sampleFiles()
  await fillBox(rig.adminSocket, box, files)
  await engine.docker(['volume', 'create', '--driver', 'secretbox', box])

  let witness = await createWatcher(engine, box, files)
  await witness.start()
  /** What the case that is played has done and said so far. */
  const now = { subjects: [] as Watcher[], endsWitness: false, orphansCopies: false }

  const renewWitness = async (): Promise<void> => {
    await witness.remove()
    witness = await createWatcher(engine, box, files)
    await witness.start()
  }

  const wrongLive = async (live: readonly Watcher[]): Promise<string | null> => {
    const wrong = (await Promise.all(live.map(one => one.whatIsWrong()))).filter(found => found !== null)
    return wrong.length === 0 ? null : wrong.join('; ')
  }

  /** Waits until there is nothing but the copies of these; what else is there after the deadline. */
  const awaitOnly = async (live: readonly Watcher[]): Promise<{ wrong: string | null; ms: number }> => {
    const begun = performance.now()
    let strays: string[] = []
    await eventually(async () => {
      // A plugin that ends for a newer Engine does not answer for a moment (Engine fact 13).
      strays = await straysBeside(rig, live, () => now.orphansCopies).catch((error: unknown) => [
        String(error)
      ])
      return strays.length === 0 || null
    }, goneWithinMs)
    return {
      wrong: strays.length === 0 ? null : strays.join('; '),
      ms: Math.round(performance.now() - begun)
    }
  }

  const stage: Stage = {
    rig,
    files,
    box,
    witness: () => witness,
    async subject(options) {
      const created = await createWatcher(engine, box, files, options)
      now.subjects.push(created)
      return created
    },
    async runningSubject(options) {
      const created = await stage.subject(options)
      await created.start()
      return created
    },
    strays: async live => (await awaitOnly(live)).wrong,
    endsWitness: () => (now.endsWitness = true),
    orphansCopies: () => (now.orphansCopies = true)
  }

  return {
    ...stage,
    async run(one) {
      Object.assign(now, { subjects: [], endsWitness: false, orphansCopies: false })
      try {
        const survivors = await one.play(stage)
        await rig.orders.clear()
        await rig.pluginIsUp()
        const live = now.endsWitness ? survivors : [witness, ...survivors]
        const dead = await awaitOnly(live)
        const liveIntact = await wrongLive(live)
        await rig.pluginIsAccepted()
        await Promise.all(now.subjects.map(subject => subject.remove()))
        const after = await awaitOnly(now.endsWitness ? [] : [witness])
        return {
          liveIntact,
          deadGone: dead.wrong,
          strays: after.wrong,
          goneMs: Math.max(dead.ms, after.ms)
        }
      } finally {
        await rig.orders.clear()
        await Promise.all(now.subjects.map(subject => subject.remove().catch(() => undefined)))
        if (now.endsWitness || now.orphansCopies || (await witness.pid()) === null) await renewWitness()
      }
    }
  }
}
