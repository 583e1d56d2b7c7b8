import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, expect, onTestFinished, test } from 'vitest'
import { tryCommand } from '../kit/engine/command.ts'
import { pluginProcess } from '../kit/engine/processes.ts'
import { sharedEngine } from '../kit/engine/shared-engine.ts'

const engine = sharedEngine()
let plugin: number
beforeAll(async () => {
  plugin = await pluginProcess(engine)
})

const read = (pid: number, file: string): Promise<string> => readFile(`/proc/${pid}/${file}`, 'utf8')

/** Root that may not trace every process, as root in most containers. */
const lesserRoot = ['setpriv', '--bounding-set=-sys_ptrace', '--inh-caps=-sys_ptrace'] as const

/** A plain Node of lesser root without any of the plugin's flags, once it runs. */
async function plainNode(): Promise<number> {
  const [setpriv, ...args] = lesserRoot
  const script = 'console.log(); setInterval(() => undefined, 1 << 30)'
  const node = spawn(setpriv, [...args, process.execPath, '--eval', script], {
    stdio: ['ignore', 'pipe', 'ignore']
  })
  onTestFinished(() => void node.kill('SIGKILL'))
  await once(node.stdout, 'data')
  return node.pid ?? 0
}

/** Whether lesser root may look into a process. */
async function mayBeTraced(pid: number): Promise<boolean> {
  const [setpriv, ...args] = lesserRoot
  return (await tryCommand(setpriv, [...args, 'readlink', `/proc/${pid}/exe`])).code === 0
}

/** Whether a process does something of its own at SIGUSR1, as Node does that opens its inspector then. */
async function catchesSigusr1(pid: number): Promise<boolean> {
  const [, caught = ''] = /^SigCgt:\s+([0-9a-f]+)$/m.exec(await read(pid, 'status')) ?? []
  return (BigInt(`0x${caught}`) & (1n << 9n)) !== 0n
}

test('the plugin writes no core dump, and nobody without the right to trace everything may look into it', async () => {
  expect(await read(plugin, 'limits')).toMatch(/^Max core file size +0 +0 /m)
  expect(await mayBeTraced(await plainNode())).toBe(true)
  expect(await mayBeTraced(plugin)).toBe(false)
})

test('no signal opens an inspector in the plugin', async () => {
  expect(await catchesSigusr1(await plainNode())).toBe(true)
  expect(await catchesSigusr1(plugin)).toBe(false)
  process.kill(plugin, 'SIGUSR1')
  await engine.docker(['vault', 'status'])
  expect(await pluginProcess(engine)).toBe(plugin)
  for (const table of ['net/tcp', 'net/tcp6']) {
    // A heading alone: nothing listens, nothing is connected.
    expect((await read(plugin, table)).trim().split('\n')).toHaveLength(1)
  }
})

test('the plugin has no network, and memory for keys that is locked', async () => {
  const interfaces = [...(await read(plugin, 'net/dev')).matchAll(/^ *(\S+):/gm)].map(([, name]) => name)
  expect(interfaces).toEqual(['lo'])
  expect(Number(/^VmLck:\s+(\d+) kB$/m.exec(await read(plugin, 'status'))?.[1])).toBeGreaterThan(0)
})

test("the plugin's environment makes glibc overwrite what is freed, and holds nothing but settings", async () => {
  const variables = (await read(plugin, 'environ')).split('\0').filter(line => line !== '')
  expect(variables).toContain('MALLOC_PERTURB_=165')
  const { env } = JSON.parse(
    await readFile(new URL('../../plugin-config.json', import.meta.url), 'utf8')
  ) as { env: { name: string }[] }
  const names = variables.map(line => line.split('=', 1)[0])
  // Some versions of glibc take GLIBC_TUNABLES to pieces where it stands.
  const others = names.filter(name => !env.some(known => known.name === name) && !name?.startsWith('glibc.'))
  expect(others.sort()).toEqual(['HOME', 'PATH', 'SECRETBOX_LIFE_FD', 'SECRETBOX_SUPERVISOR'])
})

test('what the plugin keeps on the host is for root alone', async () => {
  const modeOf = async (path: string): Promise<string> => ((await stat(path)).mode & 0o777).toString(8)
  const files = ['store.db', 'store.db-wal', 'admin.sock'].map(name => join(engine.pluginData, name))
  for (const file of [...files, join(engine.pluginKey, 'key')]) expect(await modeOf(file), file).toBe('600')
  expect(await modeOf(engine.pluginKey)).toBe('700')
  // All may pass through to the socket that is for all, and see nothing beside it.
  expect(await modeOf(engine.pluginData)).toBe('711')
  expect(await modeOf(join(engine.pluginData, 'public.sock'))).toBe('666')
})
