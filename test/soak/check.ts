import { ask, askJson } from '../kit/engine/admin.ts'
import { eventually } from '../kit/eventually.ts'
import { copiesOf, type CopyMount } from '../kit/engine/kernel.ts'
import { straysBeside } from '../kit/engine/strays.ts'
import { newestOf } from './box-deeds.ts'
import type { Site } from './deed.ts'
import { pidOf, wrongIn } from './look-out.ts'
import { runningIn, type Container, type Model } from './model.ts'
import { volumesOf } from './volume-deeds.ts'

/** Within which a copy that nobody holds must be gone. */
const goneWithinMs = 60_000
/** The same for a plugin that cannot ask the Engine, as after a new start of dockerd: its GRACE_SECONDS, and these. */
const goneUnaskedWithinMs = 120_000

/**
 * What the kernel and the containers say otherwise than the model: who runs, what each copy holds and has held,
 * and what there is beside these copies once time was given for it to go. Empty when they agree.
 */
export async function wrongWithCopies(site: Site): Promise<string[]> {
  const wrong: string[] = []
  for (const container of site.model.containers.values())
    wrong.push(...(await wrongWith(site.model, container)))
  if (wrong.length > 0) return wrong
  const live = runningIn(site.model).map(container => ({ container, copies: () => copiesIn(container) }))
  const { engine } = await askJson<{ engine: string }>(site.rig.adminSocket, 'GET', '/status')
  let strays: string[] = []
  await eventually(
    async () => {
      strays = await straysBeside(site.rig, live, ({ container }) => container.running.orphaned)
      return strays.length === 0 || null
    },
    engine === 'answers' ? goneWithinMs : goneUnaskedWithinMs
  )
  return strays
}

async function wrongWith(model: Model, container: Container): Promise<string[]> {
  const { name, running } = container
  if (running === null) return (await pidOf(container)) === null ? [] : [`${name} runs, and should not`]
  // Docker answers a start when runc goes on to become the container's program, which takes its time on a busy machine.
  const pid = await eventually(() => pidOf(container))
  if (pid === null) return [`${name} does not run, and should`]
  const found = await Promise.all(running.shown.map((may, copy) => wrongIn(container, pid, copy, may, model)))
  return found.filter(one => one !== null)
}

async function copiesIn(container: Container): Promise<CopyMount[]> {
  const pid = await pidOf(container)
  return pid === null ? [] : copiesOf(pid)
}

/** What the vault says otherwise than the model: boxes, their newest versions and contents, and volumes. */
export async function wrongWithVault(site: Site): Promise<string[]> {
  const { rig, model } = site
  const { boxes } = await askJson<{ boxes: { name: string }[] }>(rig.adminSocket, 'GET', '/vault/')
  const wrong = [
    ...unlike(
      'boxes',
      boxes.map(({ name }) => name),
      model.boxes
    ),
    ...unlike('volumes', await volumesOf(site), model.volumes)
  ]
  for (const [name, { newest, versions }] of model.boxes) {
    const version = await newestOf(site, name)
    if (version !== newest)
      wrong.push(`${name} is at version ${version ?? 'none'}, and should be at ${newest}`)
    for (const [path, contents] of versions.get(newest) ?? []) {
      const { status, body } = await ask(rig.adminSocket, 'GET', `/vault/${name}/${path}`)
      if (status !== 200 || !body.equals(contents)) wrong.push(`${name} has other bytes in ${path}`)
    }
  }
  return wrong
}

function unlike(what: string, found: readonly string[], wanted: ReadonlyMap<string, unknown>): string[] {
  const has = found.toSorted().join(' ')
  const should = [...wanted.keys()].sort().join(' ')
  return has === should ? [] : [`there are the ${what} ${has}, and should be ${should}`]
}
