import { remove } from 'fs-extra/esm'
import { join } from 'node:path'
import { askJson } from '../kit/engine/admin.ts'
import type { Kind } from './deed.ts'
import { filesBelow, wrongAmong } from './look-out.ts'
import { mayShow, touched } from './making-copies.ts'
import { shownTo } from './model.ts'
import { onceSeen } from '../kit/engine/once-seen.ts'

/** `docker cp` of a whole copy, which the Engine mounts once more for that. */
const copyOut: Kind = {
  name: 'cp',
  weight: 14,
  plan(site) {
    const { rig, model, random, reports } = site
    const container = random.oneOf(model.containers.values())
    if (container === undefined) return null
    const target = join(reports, `copied-${random.below(2 ** 32)}`)
    const made = mayShow(site, container)
    const isServed = shownTo(model, container) !== null
    const { running } = container
    const copied = new Map<string, Buffer>()
    return {
      what: `cp from ${container.name}, which ${running === null ? 'is stopped' : 'runs'}`,
      ...touched(site, container),
      refusal:
        running === null && !isServed
          ? /VolumeDriver\.Mount: cannot mount volume/
          : running?.orphaned === true || container.miscounted
            ? 'any'
            : null,
      async act() {
        try {
          await onceSeen(rig.engine, ['cp', `${container.name}:/copies/0/.`, target])
          for (const [path, contents] of await filesBelow(target)) copied.set(path, contents)
        } finally {
          await remove(target)
        }
      },
      happened: () => Promise.resolve(false),
      note() {
        const may = [
          ...(running?.shown[0] ?? []),
          ...(running === null || container.miscounted ? (made()[0] ?? []) : [])
        ]
        return wrongAmong(model, may, copied)
      },
      noteFailure() {
        container.miscounted = true
      }
    }
  }
}

const copyIn: Kind = {
  name: 'cp in',
  weight: 3,
  plan(site) {
    const deed = copyOut.plan(site)
    const container = deed?.alone[0]?.replace('container ', '')
    if (deed === null || container === undefined) return null
    return {
      ...deed,
      what: deed.what.replace('cp from', 'cp into'),
      // The client takes whatever is not found for the directory.
      refusal: deed.refusal instanceof RegExp ? /cannot mount volume|no such directory/ : deed.refusal,
      act: () =>
        onceSeen(
          site.rig.engine,
          ['cp', process.execPath, `${container}:/tmp/`],
          deed.refusal === null ? 'no such directory' : undefined
        ),
      note: () => null
    }
  }
}

const reconcile: Kind = {
  name: 'reconcile',
  weight: 3,
  plan: ({ rig }) => ({
    what: 'reconcile',
    alone: [],
    shared: [],
    refusal: null,
    act: () => askJson(rig.adminSocket, 'POST', '/reconcile?apply=1'),
    happened: () => Promise.resolve(false),
    note: () => null
  })
}

/** What is done to copies, beside what containers do that start and end. */
export const copyKinds: readonly Kind[] = [copyOut, copyIn, reconcile]
