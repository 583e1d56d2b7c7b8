import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pino from 'pino'
import { onTestFinished } from 'vitest'
import type { Engine } from '../../src/engine/engine.ts'
import { SecretboxError } from '../../src/base/errors.ts'
import type { Store } from '../../src/store/store.ts'
import type { Caller } from '../../src/vault/access/authority.ts'
import { parseBoxName, parseVolumeName, type MountId } from '../../src/base/names.ts'
import type { Copies } from '../../src/copies/copies.ts'
import { createHolders } from '../../src/copies/holders.ts'
import { createKept, type Kept } from '../../src/lifecycle/kept.ts'
import { createKeyedMutex } from '../../src/base/keyed-mutex.ts'
import { createMounts } from '../../src/lifecycle/mounts.ts'
import { createReconcile, type Finding, type Reconciled } from '../../src/lifecycle/reconcile.ts'
import { createRefusals } from '../../src/lifecycle/refusals.ts'
import { createRelease } from '../../src/lifecycle/release.ts'
import { createUses, type Uses } from '../../src/lifecycle/engine-calls.ts'
import { copyRows } from '../../src/volumes/records.ts'
import { createVolumes, type Volumes } from '../../src/volumes/volumes.ts'
import { change, openVault, putting, root, type OpenVault, type VaultSettings } from '../kit/open-vault.ts'
import { umount } from '../kit/mounting.ts'
import { newPlace } from './place.ts'

const engineCaller: Caller = { kind: 'engine' }

/** The parts of a daemon that mount and reconcile, without its sockets and without anything that runs by itself. */
export interface DriverStage {
  readonly directory: string
  readonly opened: OpenVault
  readonly copies: Copies
  readonly volumes: Volumes
  readonly uses: Uses
  readonly kept: Kept
  /** Makes a box with a file `password`, or a new version of it, and the volume of that name. */
  makeVolume(name: string, password: string, options?: Readonly<Record<string, string>>): Promise<void>
  /** As the Engine calls it; gives the copy's path. */
  mount(volume: string, id: MountId): Promise<string>
  unmount(volume: string, id: MountId): Promise<void>
  /** Reconciles, and does what it found. */
  reconcile(): Promise<Reconciled>
  /** Says what it would do. */
  look(): Promise<readonly Finding[]>
  /** The mount IDs of all labels. */
  labels(): Promise<string[]>
}

export interface StageSettings extends VaultSettings {
  readonly engine?: Engine
  readonly graceMs?: number
  /** Of the supervisor. */
  readonly options?: readonly string[]
  readonly environment?: NodeJS.ProcessEnv
}

/** An Engine that answers nothing, as when there is no socket. */
export function silentEngine(): Engine {
  const silent = (): Promise<never> => Promise.reject(new Error('nobody answers'))
  return {
    ...{ containers: silent, isLocked: silent, lastStart: silent, givenOptions: silent, start: silent },
    ...{ removeVolume: silent, follow: silent }
  }
}

/** An Engine with containers of these states, all of one volume; those whose name begins with `locked` are just starting. */
export function engineWith(states: Readonly<Record<string, string>>): Engine {
  const containers = Object.entries(states).map(([id, state]) => ({
    ...{ id, state, name: id, image: 'busybox' },
    volumes: ['db']
  }))
  return {
    ...silentEngine(),
    containers: () => Promise.resolve(containers),
    isLocked: id => Promise.resolve(id.startsWith('locked'))
  }
}

/** Builds them; they go with all that they mounted when the running test ends. */
export async function openDriverStage(settings: StageSettings = {}): Promise<DriverStage> {
  const { engine = silentEngine(), graceMs = 0, options = [], environment = {}, ...vaultSettings } = settings
  const directory = mkdtempSync(join(tmpdir(), 'secretbox-stage-'))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  const place = await newPlace(options, environment)
  const opened = await openVault(directory, vaultSettings)
  onTestFinished(() => opened.close())
  const { store, gate, vault } = opened
  const [holders, uses, locks] = [createHolders(place.supervisor), createUses(), createKeyedMutex()]
  const kept = createKept()
  const log = pino({ level: 'silent' })
  const parts = { store, gate, vault, copies: place.copies, holders, uses, kept, locks, engine, log, graceMs }
  const release = createRelease(parts)
  const mounts = createMounts({
    ...{ ...parts, release, refusals: createRefusals() },
    isSeenBy: () => true,
    onUnseen: () => undefined
  })
  const reconcile = createReconcile({ ...parts, release })
  const volumes = createVolumes(parts)
  return {
    ...{ directory: place.directory, opened, copies: place.copies, volumes, uses, kept },
    async makeVolume(name, password, options = {}) {
      const box = parseBoxName(name)
      await vault.create(root, box).catch(() => undefined)
      await change(opened, box, putting('password', password))
      await volumes.create(engineCaller, parseVolumeName(name), options)
    },
    mount: (volume, id) => mounts.mount(engineCaller, parseVolumeName(volume), id),
    unmount: (volume, id) => mounts.unmount(engineCaller, parseVolumeName(volume), id),
    reconcile: () => reconcile({ kind: 'daemon' }, true),
    look: async () => (await reconcile(root, false)).findings,
    labels: async () => (await Array.fromAsync(copyRows(store, null))).map(({ mount }) => mount)
  }
}

/** Takes a copy out of the daemon's reach, as the Engine does that ends a plugin by force. */
export function takeAway(copy: string): void {
  umount(copy)
}

/** A store on a disk that answers nothing while `isBroken`. */
export function breakable(store: Store, isBroken: () => boolean): Store {
  const now = (): Store => {
    if (isBroken()) throw new SecretboxError('unavailable', 'cannot use the store: EIO')
    return store
  }
  return {
    ...store,
    get: async key => now().get(key),
    list: (prefix, options) => now().list(prefix, options),
    commit: async changes => now().commit(changes)
  }
}
