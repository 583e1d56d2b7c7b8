import { copy } from 'fs-extra/esm'
import { readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { processWith, hasEnded, type ProcessIdentity } from '../../../src/base/process-identity.ts'
import type { Engine } from './engine.ts'
import { importTestImage } from './image.ts'
import { installPlugin, pluginSettings, putNode } from './plugin.ts'
import { startPrivateEngine, type PrivateEngine, type PrivateEngineOptions } from './private-engine.ts'
import { pluginProcess } from './processes.ts'
import { startRegistry } from './registry.ts'
import { ask, askJson } from './admin.ts'
import { builtPlugins } from '../built.ts'
import { eventually } from '../eventually.ts'
import { ordersIn, type Orders } from '../orders.ts'

/** A private Engine with a plugin that takes orders to fail. */
export interface Rig {
  readonly engine: PrivateEngine
  readonly orders: Orders
  readonly adminSocket: string
  /** SIGKILL for the daemon; the supervisor starts it again at once. */
  killPlugin(): Promise<void>
  /** SIGKILL for the supervisor, with which all ends; the Engine starts it again at once. */
  killSupervisor(): Promise<void>
  disablePlugin(): Promise<unknown>
  /** `docker plugin upgrade` of the disabled plugin to another build, from a registry. */
  upgradePlugin(): Promise<void>
  enablePlugin(): Promise<unknown>
  /** Resolves when the plugin serves, and not one of the pid `except`. */
  pluginIsUp(): Promise<void>
  /** The same of a plugin that reaches its Engine: one that an earlier Engine has left behind ends soon (Engine fact 13). */
  pluginReachesEngine(): Promise<void>
  /**
   * Resolves when the plugin has served for so long that the Engine restarts it when it ends. An Engine that does
   * not reach a plugin 500 ms after it started it tries for 12 s more and then disables it.
   */
  pluginIsAccepted(): Promise<void>
  pluginPid(): Promise<number>
  end(): Promise<void>
}

/** How long the Engine may take to have a plugin up again that ended. */
const upWithinMs = 120_000

/** Starts it with fault points in the plugin, which gets `settings`. */
export async function startRig(
  options: PrivateEngineOptions & { readonly settings?: readonly string[] } = {}
): Promise<Rig> {
  const engine = await startPrivateEngine(options)
  const adminSocket = join(engine.pluginData, 'admin.sock')
  const settings = [...pluginSettings(engine), ...(options.settings ?? [])]
  /** The process that was killed last, which may not be gone yet. */
  let killed: ProcessIdentity | null = null
  let upgrades = 0

  const rig: Rig = {
    engine,
    adminSocket,
    orders: await ordersIn(join(engine.pluginData, 'faults')),

    pluginPid: () => pluginProcess(engine),

    async killPlugin() {
      const pid = await pluginProcess(engine)
      killed = processWith(pid)
      process.kill(pid, 'SIGKILL')
    },

    async killSupervisor() {
      const pid = await pluginProcess(engine)
      killed = processWith(pid)
      process.kill(await parentOf(pid), 'SIGKILL')
    },

    disablePlugin: () => engine.docker(['plugin', 'disable', '--force', 'secretbox']),
    async upgradePlugin() {
      const registry = await startRegistry(join(engine.root, `registry-${++upgrades}`))
      try {
        const reference = `${registry.address}/secretbox:${upgrades}`
        // The Engine refuses a second plugin with the same files.
        const plugin = join(engine.root, 'plugin')
        await copy(builtPlugins.withFaults, plugin)
        await writeFile(join(plugin, 'rootfs/tmp/upgrade'), String(upgrades))
        await engine.docker(['plugin', 'create', reference, plugin])
        await engine.docker(['plugin', 'push', reference])
        await engine.docker(['plugin', 'rm', reference])
        await engine.docker([
          ...['plugin', 'upgrade', '--grant-all-permissions', '--skip-remote-check'],
          ...['secretbox', reference]
        ])
        await putNode(engine)
        // Which the Engine has forgotten by that.
        await engine.docker(['plugin', 'set', 'secretbox', ...settings])
      } finally {
        await registry.stop()
      }
    },

    enablePlugin: () => engine.docker(['plugin', 'enable', 'secretbox']),

    async pluginIsUp() {
      const answer = await eventually(async () => {
        if (killed !== null && !hasEnded(killed)) return null
        const { status } = await ask(adminSocket, 'GET', '/status').catch(() => ({ status: 0 }))
        return status === 200 || null
      }, upWithinMs)
      if (answer === null) throw new Error(`the plugin does not serve; see ${engine.log}`)
    },

    async pluginReachesEngine() {
      const answer = await eventually(async () => {
        const status = await askJson<{ engine: string }>(adminSocket, 'GET', '/status').catch(() => null)
        return status?.engine === 'answers' || null
      }, upWithinMs)
      if (answer === null) throw new Error(`the plugin does not reach its Engine; see ${engine.log}`)
    },

    async pluginIsAccepted() {
      const accepted = await eventually(async () => {
        const pid = await pluginProcess(engine).catch(() => null)
        if (pid === null) return null
        // Which it writes down.
        const plugin = await parentOf(pid)
        return (await stat(await pluginRecord(engine))).mtimeMs > (await startedAtMs(plugin)) || null
      }, upWithinMs)
      if (accepted === null) throw new Error(`the Engine does not accept the plugin; see ${engine.log}`)
    },

    end: () => engine.stop()
  }
  try {
    await importTestImage(engine)
    await installPlugin(engine, options.settings, builtPlugins.withFaults)
    await rig.pluginIsUp()
    return rig
  } catch (error) {
    await rig.end()
    throw error
  }
}

/** The file in which the Engine keeps the plugin's state. */
async function pluginRecord(engine: Engine): Promise<string> {
  const plugins = join(engine.dataRoot, 'plugins')
  const id = (await readdir(plugins)).find(name => /^[0-9a-f]{64}$/.test(name))
  return join(plugins, id ?? '', 'config.json')
}

/** The supervisor, which is what the Engine started. */
async function parentOf(pid: number): Promise<number> {
  return Number(/^PPid:\t(\d+)$/m.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1])
}

/** When a process was started, by the clock on the wall (proc_pid_stat(5): in hundredths of a second since boot). */
async function startedAtMs(pid: number): Promise<number> {
  const fields = (await readFile(`/proc/${pid}/stat`, 'utf8')).replace(/^.*\) /s, '').split(' ')
  const bootSeconds = Number(/^btime (\d+)$/m.exec(await readFile('/proc/stat', 'utf8'))?.[1])
  return bootSeconds * 1000 + Number(fields[19]) * 10
}
