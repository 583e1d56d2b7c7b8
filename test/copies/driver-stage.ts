import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import pino from 'pino'
import { onTestFinished } from 'vitest'
import type { Engine } from '../../src/engine/engine.ts'
import { SecretboxError } from '../../src/base/errors.ts'
import type { Store } from '../../src/store/store.ts'
import type { Caller } from '../../src/vault/access/authority.ts'
import { parseBoxName, parseVolumeName, type MountId } from '../../src/base/names.ts'
import type { Copies } from '../../src/copies/copies.ts'
import { createHolders } from '../../src/copies/holders.ts'
import { createFailedStarts } from '../../src/controller/failed-starts.ts'
import { watchCopies } from '../../src/controller/watch.ts'
import { createAdmit } from '../../src/lifecycle/admit.ts'
import { createFindContainer } from '../../src/lifecycle/container-of-copy.ts'
import { createAttach } from '../../src/lifecycle/holder-names.ts'
import { createKept, type Kept } from '../../src/lifecycle/kept.ts'
import { createKeyedMutex } from '../../src/base/keyed-mutex.ts'
import { createObserve } from '../../src/lifecycle/facts.ts'
import { createMounts } from '../../src/lifecycle/mounts.ts'
import { createReconcile, type Finding, type Reconciled } from '../../src/lifecycle/reconcile.ts'
import { createRefusals } from '../../src/lifecycle/refusals.ts'
import { createRelease } from '../../src/lifecycle/release.ts'
import { createWithdraw } from '../../src/lifecycle/withdraw.ts'
import { createUses, type Uses } from '../../src/lifecycle/engine-calls.ts'
import { copyRows } from '../../src/volumes/records.ts'
import { createVolumes, type Volumes } from '../../src/volumes/volumes.ts'
import { change, openVault, putting, root, type OpenVault, type VaultSettings } from '../kit/open-vault.ts'
import type { TestClock } from '../kit/clock.ts'
import { umount } from '../kit/mounting.ts'
import { silentEngine } from './engines.ts'
import { newPlace, type Place } from './place.ts'

const engineCaller: Caller = { kind: 'engine' }

/** The parts of a daemon that mount and reconcile, without its sockets, and with a clock that goes on when the test says so. */
export interface DriverStage {
  readonly clock: TestClock
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
  /** Does by itself, until the test ends, what a daemon does: as the Engine's events and the clock say. */
  watch(): void
  /** Ends that, and begins anew over the same vault and copies: as after a kill, it has heard nothing from the Engine yet. */
  again(): Promise<DriverStage>
  /** What was logged. */
  log(): string
}

export interface StageSettings extends VaultSettings {
  readonly engine?: Engine
  readonly graceMs?: number
  /** Of the supervisor. */
  readonly options?: readonly string[]
  readonly environment?: NodeJS.ProcessEnv
}

/** Builds them; they go with all that they mounted when the running test ends. */
export async function openDriverStage(settings: StageSettings = {}): Promise<DriverStage> {
  const { options = [], environment = {} } = settings
  const directory = mkdtempSync(join(tmpdir(), 'secretbox-stage-'))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  const place = await newPlace(options, environment)
  const opened = await openVault(directory, settings)
  onTestFinished(() => opened.close())
  return stageOn({ place, opened, settings })
}

/** What outlives a daemon. */
interface Ground {
  readonly place: Place
  readonly opened: OpenVault
  readonly settings: StageSettings
}

function stageOn(ground: Ground): DriverStage {
  const { place, opened, settings } = ground
  const { engine = silentEngine(), graceMs = 0 } = settings
  const { store, gate, vault, sealing } = opened
  const { copies, clock } = place
  const lines: string[] = []
  const log = pino({ base: null }, { write: line => void lines.push(line) })
  const [holders, uses, locks] = [createHolders(place.supervisor), createUses(clock), createKeyedMutex()]
  const [kept, refusals] = [createKept(), createRefusals(clock)]
  const observe = createObserve({ store, copies, holders, uses, log })
  /** Whoever asks at a socket is another matter: test/http/container.test.ts. */
  const sockets = { open: () => Promise.resolve(), close: () => undefined }
  const parts = {
    ...{
      sockets,
      store,
      gate,
      vault,
      copies,
      holders,
      observe,
      uses,
      kept,
      locks,
      engine,
      log,
      clock,
      graceMs
    }
  }
  const release = createRelease(parts)
  const mounts = createMounts({
    ...{ ...parts, release, refusals, admit: createAdmit(engine) },
    isSeenBy: () => true,
    onUnseen: () => undefined
  })
  const reconcile = createReconcile({ ...parts, release })
  const volumes = createVolumes(parts)
  const allVolumes = (): ReturnType<Volumes['list']> => volumes.list()
  const failedStarts = createFailedStarts({
    ...{ engine, refusals, clock, log },
    volumes: async () => (await allVolumes()).map(({ name }) => name)
  })
  const ending = new AbortController()
  let watching = Promise.resolve()
  const end = (): Promise<void> => {
    ending.abort()
    return watching
  }
  return {
    ...{ clock, directory: place.directory, opened, copies, volumes, uses, kept },
    log: () => lines.join(''),
    async makeVolume(name, password, options = {}) {
      const box = parseBoxName(options['box'] ?? name)
      await vault.create(root, box).catch(() => undefined)
      await change(opened, box, putting('password', password))
      await volumes.create(engineCaller, parseVolumeName(name), options)
    },
    mount: (volume, id) => mounts.mount(engineCaller, parseVolumeName(volume), id),
    unmount: (volume, id) => mounts.unmount(engineCaller, parseVolumeName(volume), id),
    reconcile: () => reconcile({ kind: 'daemon' }, true),
    look: async () => (await reconcile(root, false)).findings,
    labels: async () => (await Array.fromAsync(copyRows(store, null))).map(({ mount }) => mount),
    watch() {
      const withdraw = createWithdraw(parts)
      const attach = createAttach({ ...parts, withdraw, findContainer: createFindContainer(parts) })
      const chores = { ...parts, withdraw, reconcile, attach, sealing, failedStarts, volumes: allVolumes }
      watching = watchCopies(chores, ending.signal)
      onTestFinished(end)
    },
    async again() {
      await end()
      return stageOn(ground)
    }
  }
}

/** Takes the copy with this path out of the daemon's reach, as the Engine does that ends a plugin by force. */
export function takeAway(path: string): void {
  umount(dirname(path))
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
    commit: async (...what) => now().commit(...what)
  }
}
