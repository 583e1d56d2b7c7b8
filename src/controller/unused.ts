import type { Clock } from '../base/clock.ts'
import type { Engine } from '../engine/engine.ts'
import { quote, SecretboxError } from '../base/errors.ts'
import { engineAwayHint } from '../lifecycle/refused-use.ts'
import type { Store } from '../store/store.ts'
import type { Caller } from '../vault/access/authority.ts'
import type { Allowed, Gate } from '../vault/action/gate.ts'
import { isAnonymousVolume, isEphemeralBox, type BoxName, type VolumeName } from '../base/names.ts'
import type { Vault } from '../vault/vault.ts'
import { copyRecordsOf, volumeRows } from '../volumes/records.ts'
import { volumeInUse } from '../volumes/volumes.ts'

/** What no container has any more. */
export interface Unused {
  /** With the box that each shows. */
  readonly volumes: readonly { readonly name: VolumeName; readonly box: BoxName; readonly created: string }[]
  /** Boxes of directories that were injected, whose volumes are gone or never were. */
  readonly boxes: readonly { readonly name: BoxName; readonly created: string }[]
}

/** What was removed, and why the rest was not. */
export interface Pruned {
  readonly volumes: readonly VolumeName[]
  readonly boxes: readonly BoxName[]
  readonly errors: readonly SecretboxError[]
}

/** Volumes and boxes that are of no use to anybody. Each method throws `unavailable` when the Engine cannot say who uses what. */
export interface UnusedThings {
  /** Anonymous volumes, and with `all` those with a name too, that no container has, running or not. */
  find(caller: Caller, all: boolean): Promise<Unused>
  /** Removes those that are named, unless somebody has come to use them. Boxes go with their last volume as ever. */
  prune(caller: Caller, volumes: readonly VolumeName[], boxes: readonly BoxName[]): Promise<Pruned>
}

export interface UnusedParts {
  readonly store: Store
  readonly gate: Gate
  readonly vault: Pick<Vault, 'list' | 'destroy'>
  readonly engine: Engine
  readonly clock: Pick<Clock, 'dateMs'>
}

/** How old it must be before it counts as left: its volume may be about to be made. */
const settledAfterMs = 600_000

export function createUnused({ store, gate, vault, engine, clock }: UnusedParts): UnusedThings {
  const usedVolumes = async (): Promise<ReadonlySet<string>> => {
    const used = new Set(await namesInContainers(engine))
    // A copy is somebody's, though the Engine may not know of them.
    for await (const { volume } of copyRecordsOf(store, null)) used.add(volume)
    return used
  }

  const findFor = async (caller: Caller, all: boolean): Promise<Unused & Pick<Allowed, 'may'>> => {
    const { may } = await gate.allow(caller, 'volume.list')
    const used = await usedVolumes()
    const rows = await Array.fromAsync(volumeRows(store))
    const known = rows.flatMap(({ volume }) => volume ?? [])
    const shown = new Set(known.map(({ options }) => options.box))
    const unused = known.filter(
      ({ name, options: { box } }) =>
        !used.has(name) && (all || isAnonymousVolume(name)) && may('volume.list', { volume: name, box })
    )
    // A volume whose record is damaged may show any box.
    const isDamaged = known.length < rows.length
    const boxes = (isDamaged ? [] : (await vault.list(caller)).boxes).filter(
      ({ name, created }) =>
        isEphemeralBox(name) && !shown.has(name) && clock.dateMs() - Date.parse(created) > settledAfterMs
    )
    return {
      volumes: unused.map(({ name, options, created }) => ({ name, box: options.box, created })),
      boxes: boxes.map(({ name, created }) => ({ name, created })),
      may
    }
  }

  return {
    async find(caller, all) {
      const { volumes, boxes } = await findFor(caller, all)
      return { volumes, boxes }
    },

    async prune(caller, volumes, boxes) {
      const { may, ...unused } = await findFor(caller, true)
      const pruned = { volumes: [] as VolumeName[], boxes: [] as BoxName[], errors: [] as SecretboxError[] }
      const each = async <N extends string>(
        kind: 'volume' | 'box',
        names: readonly N[],
        free: readonly { readonly name: N }[],
        done: N[],
        remove: (name: N) => Promise<void>
      ): Promise<void> => {
        for (const name of names) {
          try {
            if (!free.some(one => one.name === name))
              throw new SecretboxError('in_use', `${kind} ${quote(name)} is not unused any more, and stays`)
            await remove(name)
            done.push(name)
          } catch (error) {
            if (!(error instanceof SecretboxError)) throw error
            pruned.errors.push(error)
          }
        }
      }
      await each('volume', volumes, unused.volumes, pruned.volumes, volume => {
        // The Engine would do it for us, whoever asks.
        if (!may('volume.remove', { volume }))
          throw new SecretboxError('denied', `cannot remove volume ${quote(volume)}: only root may`)
        return removeVolume(engine, volume)
      })
      await each('box', boxes, unused.boxes, pruned.boxes, name => vault.destroy(caller, name, null))
      return pruned
    }
  }
}

async function removeVolume(engine: Engine, name: VolumeName): Promise<void> {
  const result = await engine.removeVolume(name).catch((cause: unknown) => {
    throw new SecretboxError('unavailable', `the Engine cannot remove volume ${quote(name)}`, { cause })
  })
  if (result === 'in use') throw volumeInUse(name)
  if (result === 'unknown')
    throw new SecretboxError('not_found', `the Engine sees no volume ${quote(name)}: it may be gone already`)
}

async function namesInContainers(engine: Engine): Promise<string[]> {
  try {
    return (await engine.containers()).flatMap(({ volumes }) => volumes)
  } catch (cause) {
    throw new SecretboxError(
      'unavailable',
      'cannot tell which volumes are used: the Engine does not answer',
      {
        hint: engineAwayHint,
        cause
      }
    )
  }
}
