import { setTimeout as delay } from 'node:timers/promises'
import pino, { type Logger } from 'pino'
import { readConfig, type Config } from './config.ts'
import { openCopies } from './copies/copies.ts'
import { createHolders } from './copies/holders.ts'
import { connectSupervisor } from './copies/supervisor.ts'
import { connectEngine } from './engine/engine.ts'
import { systemClock } from './base/clock.ts'
import { isSecretboxError } from './base/errors.ts'
import { reach } from './base/fault-points.ts'
import { nameHostPaths } from './base/host-paths.ts'
import { adminApi } from './http/admin/admin.ts'
import { createCopySockets } from './http/container/sockets.ts'
import { createCrowds } from './http/transport/crowd.ts'
import { serveUnixSocket } from './http/transport/serve.ts'
import { describeStatus, describeVolumes, lookAtVolumes } from './http/admin/status.ts'
import { volumeDriver } from './http/driver/volume-driver.ts'
import { placeLauncher } from './place-launcher.ts'
import { letOthersReach, makePrivateDirectory } from './base/private-files.ts'
import { lockedMemory } from './crypto/locked-memory.ts'
import { loadSyscalls } from './base/syscalls.ts'
import { openVault } from './vault/open.ts'
import { processWith } from './base/process-identity.ts'
import { createAdmit, createIsGranted } from './lifecycle/admit.ts'
import { createFindContainer } from './lifecycle/container-of-copy.ts'
import { createAttach } from './lifecycle/holder-names.ts'
import { createFailedStarts } from './controller/failed-starts.ts'
import { createKept } from './lifecycle/kept.ts'
import { createLeftBehind } from './lifecycle/left-behind.ts'
import { createKeyedMutex } from './base/keyed-mutex.ts'
import { createObserve } from './lifecycle/facts.ts'
import { createMounts } from './lifecycle/mounts.ts'
import { createPropagation } from './lifecycle/propagation.ts'
import { createReconcile } from './lifecycle/reconcile.ts'
import { createRefusals, tellingOfChanges, tellingOfGrants } from './lifecycle/refusals.ts'
import { createRelease } from './lifecycle/release.ts'
import { createUnused } from './controller/unused.ts'
import { createWithdraw } from './lifecycle/withdraw.ts'
import { createUses } from './lifecycle/engine-calls.ts'
import { copyRecordsOf, pinnedVersions } from './volumes/records.ts'
import { retagCopies } from './volumes/retag.ts'
import { createVolumes } from './volumes/volumes.ts'
import { watchCopies } from './controller/watch.ts'

/** How long what is in flight may take to end after SIGTERM; the Engine sends SIGKILL after 10 s. */
const closeTimeoutMs = 4000
/** How many connections people may have open who are not root, by how well they are known. */
const peoplesConnections = {
  named: { perUid: 32, all: 1024 },
  grouped: { perUid: 32, all: 512 },
  stranger: { perUid: 32, all: 128 }
}
/** How long they may keep us waiting: what is put into a box may come from a program that takes its time. */
const peoplesIdleMs = 300_000
/** How long an Engine is left alone before the plugin ends for it. */
const settleMs = 1000

/**
 * Builds the daemon out of its parts, serves, and returns what ends it: copies of live containers stay. `startAnew`: has
 * this process end, with the reason, so that the Engine starts the plugin again.
 */
// oxlint-disable-next-line max-lines-per-function -- the list of the daemon's parts, from the lowest to the highest
async function startDaemon(
  config: Config,
  supervisorDir: string,
  startAnew: (reason: string) => void,
  log: Logger
): Promise<() => Promise<void>> {
  const clock = systemClock
  const syscalls = loadSyscalls()
  syscalls.forbidDumps()
  nameHostPaths()
  // Whatever the daemon makes, SQLite's files too, is for root alone.
  process.umask(0o077)
  for (const directory of [config.dataDir, config.keyDir]) makePrivateDirectory(directory)

  await placeLauncher(config.launcher).catch((err: unknown) => {
    log.error({ err }, 'cannot put the launcher in its place: containers get no variables')
  })
  // Sealed is a state to serve in, not a reason to end: volumes must be answered for.
  const opened = await openVault({
    dataDirectory: config.dataDir,
    keyDirectory: config.keyDir,
    limits: config.limits,
    pinnedVersions,
    retagCopies,
    allocate: length => lockedMemory(bytes => syscalls.lockedBytes(bytes), length),
    onUnswept: err => log.warn({ err }, 'cannot put in order what was left when the vault was opened last')
  })
  const { store, storeId, sealing, audit, gate, identity } = opened
  const refusals = createRefusals(clock)
  const vault = tellingOfChanges(opened.vault, (...what) => refusals.changed(...what))

  const supervisor = connectSupervisor(supervisorDir)
  const copies = await openCopies(config.copiesDir, supervisor, clock)
  const holders = createHolders(supervisor)
  const engine = connectEngine(config.dockerSocket)
  const [uses, kept] = [createUses(clock), createKept()]
  const volumes = createVolumes({ store, gate, vault, holders, copies, uses })
  const locks = createKeyedMutex()
  const observe = createObserve({ store, copies, holders, uses, log })
  const findContainer = createFindContainer({ copies, holders, engine })
  const sockets = createCopySockets({
    ...{ store, gate, vault, identity, copies, holders, findContainer, syscalls, clock, log },
    isGranted: createIsGranted(engine)
  })
  const release = createRelease({ store, gate, copies, sockets, observe, engine, uses, kept, log })
  const mounts = createMounts({
    ...{ store, vault, copies, sockets, observe, uses, locks, release, refusals, engine, clock, log },
    admit: createAdmit(engine),
    isSeenBy: createPropagation(config.copiesDir),
    onUnseen: () => startAnew('copies do not reach the engine')
  })
  const reconcile = createReconcile({
    ...{ store, gate, copies, sockets, observe, uses, kept, locks, release, engine, clock, log },
    graceMs: config.graceMs
  })
  const withdraw = createWithdraw({ store, gate, copies, sockets, engine, uses, locks, log })
  const attach = createAttach({ store, gate, holders, locks, engine, withdraw, findContainer, log })
  const failedStarts = createFailedStarts({
    engine,
    volumes: async () => (await volumes.list()).map(({ name }) => name),
    ...{ refusals, clock, log }
  })

  const isLeftBehind = createLeftBehind(config.dockerSocket)
  const driver = await serveUnixSocket(
    config.pluginSocket,
    0o600,
    {
      ...{ syscalls, log },
      onConnection(descriptor) {
        if (isLeftBehind(() => processWith(syscalls.peerOf(descriptor).pid)))
          startAnew("the engine's socket is that of an earlier engine")
      }
    },
    volumeDriver({
      volumes,
      mounts,
      uses,
      vault,
      sealing,
      syscalls,
      log,
      copyRecordsOf: volume => Array.fromAsync(copyRecordsOf(store, volume))
    })
  )
  const allVolumes = lookAtVolumes({ store, holders, engine })
  const api = adminApi({
    gate,
    vault,
    granting: tellingOfGrants(opened.granting, (...what) => refusals.changed(...what)),
    keyslots: opened.keyslots,
    rotateRoot: opened.rotateRoot,
    rotateBox: opened.rotateBox,
    syscalls,
    log,
    status: describeStatus({
      ...{ config, store, storeId, gate, sealing, copies, kept, engine, failedStarts }
    }),
    allVolumes,
    volumes: describeVolumes({ gate, all: allVolumes }),
    identity: caller => identity.show(caller),
    unused: createUnused({ store, gate, vault, engine, clock }),
    reconcile: async (caller, apply) => (await reconcile(caller, apply)).findings,
    types: opened.readTypes,
    audit: opened.readAudit,
    auditAfter: (sequence, signal) => audit.after(sequence, signal)
  })
  letOthersReach(config.publicSocket)
  const crowds = createCrowds(peoplesConnections)
  const people = await serveUnixSocket(
    config.publicSocket,
    0o666,
    {
      ...{ syscalls, log },
      people: {
        idleMs: peoplesIdleMs,
        enter: (descriptor, uid) => {
          const person = { ...syscalls.peerOf(descriptor), groups: syscalls.groupsOf(descriptor) }
          return crowds(opened.standing(person)).enter(uid)
        }
      }
    },
    api
  )
  const admin = await serveUnixSocket(config.adminSocket, 0o600, { syscalls, log }, api)

  FAULT: await reach('start.listening')
  const ending = new AbortController()
  const watch = watchCopies(
    {
      ...{ store, engine, reconcile, attach, uses, locks, copies, sockets, sealing, withdraw, clock, log },
      volumes: () => volumes.list(),
      failedStarts: config.startFailed ? failedStarts : null
    },
    ending.signal
  )
  log.info({ store: storeId, memory: copies.memory }, 'serving')
  const reason = sealing.reason()
  if (reason !== null) log.warn(reason)

  return async () => {
    ending.abort()
    const done = Promise.all([
      ...[driver, admin, people].map(each => each.close(closeTimeoutMs)),
      sockets.end(closeTimeoutMs),
      watch
    ])
    // What goes on though its caller was cut off, such as a Mount, is what the next start makes good for.
    await Promise.race([done, delay(closeTimeoutMs)])
    await opened.close()
  }
}

async function end(reason: string, stop: () => Promise<void>, log: Logger): Promise<void> {
  log.info({ reason }, 'stopping')
  try {
    await stop()
    process.exit(0)
  } catch (err) {
    log.error({ err }, 'cannot stop cleanly')
    process.exit(1)
  }
}

/**
 * Reads the settings, starts the daemon and ends it at SIGTERM and SIGINT; what keeps it from starting is the last line
 * of the log. `supervisorDir`: where its supervisor listens.
 */
export async function runDaemon(supervisorDir: string): Promise<void> {
  let log = pino({ base: null }, pino.destination({ fd: 1, sync: true }))
  try {
    const config = readConfig(process.env)
    log = pino({ base: null, level: config.logLevel }, pino.destination({ fd: 1, sync: true }))
    // Heard from the first moment on: whoever can reach a socket may also send a signal.
    const ending = Promise.withResolvers<string>()
    for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, ending.resolve)
    const startAnew = (reason: string): void => {
      log.error(`${reason}: this process ends, so that the engine starts it anew`)
      // An Engine that has only just connected may still have to write down that the plugin is up.
      setTimeout(() => ending.resolve(reason), settleMs)
    }
    let stop = (): Promise<void> => Promise.resolve()
    // What a start was in the middle of is made good for by the next, as after a kill.
    void ending.promise.then(reason => end(reason, () => stop(), log))
    stop = await startDaemon(config, supervisorDir, startAnew, log)
  } catch (error) {
    if (isSecretboxError(error)) log.fatal({ code: error.code, hint: error.hint }, error.message)
    else log.fatal({ err: error }, 'cannot start')
    process.exit(1)
  }
}
