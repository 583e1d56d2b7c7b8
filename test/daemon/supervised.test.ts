import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { supervisorOfSources } from '../../rootfs-build/supervisor.ts'
import { builtDaemon, builtSupervisor } from '../kit/built.ts'
import { accepts, childRunning, childrenOf, startDaemon } from '../kit/daemon-process.ts'
import { eventually } from '../kit/eventually.ts'
import { temporaryDirectory } from '../kit/temporary.ts'
import { cannotMount } from '../kit/tmpfs.ts'
import { freshId, makeBox } from '../kit/driver.ts'
import { hold } from '../kit/hold.ts'
import { ordersIn } from '../kit/orders.ts'
import { statusOf, supervisorOf } from './processes.ts'
import { start, type Started } from '../kit/started.ts'

async function withVolume(settings?: NodeJS.ProcessEnv): Promise<Started> {
  const started = await start(settings)
  await makeBox(started.daemon.adminSocket, 'db', { password: 'hunter2' })
  await started.driver.createVolume('db')
  return started
}

describe.skipIf(cannotMount)('the two kinds of processes (takes root)', () => {
  test('the daemon has no capability and can get none, and a filter is on its system calls', async () => {
    const { daemon } = await start()
    for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'])
      expect([set, statusOf(daemon.pid, set)]).toEqual([set, '0000000000000000'])
    expect(statusOf(daemon.pid, 'NoNewPrivs')).toBe('1')
    expect(statusOf(daemon.pid, 'Seccomp')).toBe('2')
  })

  test('what looks keeps three capabilities, and the supervisor is the first process of all', async () => {
    const started = await start()
    const [daemon, looker] = childrenOf(supervisorOf(started))
    expect(daemon).toBe(started.daemon.pid)
    // CAP_SYS_CHROOT, CAP_SYS_PTRACE, CAP_SYS_ADMIN (capability.h): bits 18, 19 and 21.
    expect(statusOf(looker ?? 0, 'CapEff')).toBe('00000000002c0000')
  })

  test('a daemon that is started by itself becomes its supervisor', async () => {
    const daemon = await startDaemon({}, undefined, [], true)
    onTestFinished(() => daemon.stop())
    expect(statusOf(daemon.pid, 'CapBnd')).toBe('0000000000000000')
  })

  test('nothing is left of the supervisor when the daemon has ended', async () => {
    const started = await start()
    const directory = join(started.daemon.directory, `supervisor-${supervisorOf(started)}`)
    expect(readdirSync(directory).sort()).toEqual(['jobs', 'looks'])
    expect(await started.daemon.kill('SIGTERM')).toBe(0)
    expect(existsSync(directory)).toBe(false)
  })
})

describe.skipIf(cannotMount)('a daemon that dies (takes root)', () => {
  test('is started again by its supervisor, and the copies that it made are there', async () => {
    const { daemon, driver } = await withVolume()
    const copy = await driver.mount('db', freshId())
    const held = await hold(copy)
    const killed = daemon.pid
    process.kill(killed, 'SIGKILL')
    const next = await eventually(async () => {
      const pid = daemon.pid
      return pid !== killed && pid > 0 && (await accepts(daemon.adminSocket)) ? pid : null
    })
    expect(next).not.toBe(null)
    expect(daemon.log()).toContain('the daemon died: starting it again')
    expect(held.read('password')).toBe('hunter2')
  })

  test('again and again at its start is given up, with status 1', () => {
    const command = ['sh', '-c', 'kill -9 $$']
    const home = temporaryDirectory()
    const { status, stdout } = spawnSync(supervisorOfSources, [join(home, 'copies'), home, ...command], {
      encoding: 'utf8'
    })
    expect(status).toBe(1)
    expect(stdout.match(/the daemon died: starting it again/g)).toHaveLength(5)
    expect(stdout).toContain('the daemon died again and again: giving up')
  })

  test('by its own decision ends its supervisor with the same status', () => {
    const home = temporaryDirectory()
    const endsWith = (code: number, ...options: string[]): number | null =>
      spawnSync(supervisorOfSources, [...options, join(home, 'copies'), home, 'sh', '-c', `exit ${code}`])
        .status
    expect([0, 1, 3].map(code => endsWith(code))).toEqual([0, 1, 3])
    // Held back for a while where an Engine would start it again at once.
    const begun = performance.now()
    expect(endsWith(1, '--hold=2')).toBe(1)
    expect(performance.now() - begun).toBeGreaterThan(1000)
  })

  test('when it gives no sign of life is killed, and started again', () => {
    const home = temporaryDirectory()
    // Hangs at its first start, and ends well at its second.
    const script = `if [ -e ${home}/second ]; then exit 0; fi; touch ${home}/second; exec sleep 86400`
    const { status, stdout } = spawnSync(
      supervisorOfSources,
      ['--silence=1', join(home, 'copies'), home, 'sh', '-c', script],
      { encoding: 'utf8' }
    )
    expect(status).toBe(0)
    expect(stdout).toContain('the daemon is stuck: killing it')
  })
})

describe.skipIf(cannotMount)('a supervisor that is told to end (takes root)', () => {
  /** Starts one with a daemon; `reached` tells when it is to be ended, by what the daemon writes. Gives its status and its log. */
  async function endedAt(
    command: readonly string[],
    reached: (child: ChildProcess, home: string) => Promise<unknown>,
    signal: NodeJS.Signals = 'SIGTERM'
  ): Promise<{ status: unknown; log: string }> {
    const home = temporaryDirectory()
    const faults = join(home, 'faults')
    await (await ordersIn(faults)).give('start.opened', 'wait')
    const places = ['DATA_DIR', 'KEY_DIR', 'PLUGIN_SOCKET', 'ADMIN_SOCKET', 'PUBLIC_SOCKET', 'DOCKER_SOCKET']
    const env = Object.fromEntries(places.map(name => [`SECRETBOX_${name}`, join(home, name)]))
    const child = spawn(builtSupervisor, [join(home, 'copies'), home, ...command], {
      env: { PATH: process.env['PATH'], SECRETBOX_FAULTS: faults, ...env },
      stdio: ['ignore', 'pipe', 'inherit']
    })
    let log = ''
    child.stdout.on('data', (text: Buffer) => (log += text.toString()))
    const closed = once(child, 'close')
    await reached(child, home)
    child.kill(signal)
    const [status] = (await closed) as unknown[]
    return { status, log }
  }
  const said = (child: ChildProcess): Promise<unknown> => once(child.stdout ?? child, 'data')

  test.each(['SIGTERM', 'SIGINT'] as const)(
    'by %s ends with a daemon that does not listen to it yet, and starts no other',
    async signal => {
      const young = ['sh', '-c', 'echo; exec sleep 86400']
      expect(await endedAt(young, said, signal)).toEqual({ status: 0, log: '\n' })
    }
  )

  test('ends also when its daemon dies of something else meanwhile', async () => {
    const dying = ['sh', '-c', 'trap "kill -9 $$" TERM; echo; while :; do sleep 0.1; done']
    expect(await endedAt(dying, said)).toEqual({ status: 1, log: '\n' })
  })

  test('ends while Node begins, and while the vault is opened', async () => {
    const node = [process.execPath, builtDaemon]
    const begun = ({ pid }: ChildProcess): Promise<unknown> =>
      eventually(() => Promise.resolve(Number.isNaN(childRunning(pid ?? 0, builtDaemon)) ? null : true))
    expect(await endedAt(node, begun)).toEqual({ status: 0, log: '' })
    const opened = async (_: ChildProcess, home: string): Promise<void> =>
      (await ordersIn(join(home, 'faults'))).reached('start.opened')
    const { status, log } = await endedAt(node, opened)
    expect([status, log]).toEqual([0, expect.stringContaining('"msg":"stopping"')])
  })
})

describe.skipIf(cannotMount)('a job that hangs (takes root)', () => {
  test('keeps nobody else waiting, in Mount or in Unmount', async () => {
    const { daemon, driver, orders } = await withVolume({ GRACE_SECONDS: '86400' })
    const [hanging, other] = [freshId(), freshId()]
    await orders.give('make.written', 'wait')
    const mounting = driver.mount('db', hanging)
    await orders.reached('make.written', mounting)
    const copy = await driver.mount('db', other)
    expect(readFileSync(join(copy, 'password'), 'utf8')).toBe('hunter2')
    // Killed, as the supervisor's clock does: it is done once more.
    process.kill(await orders.jobAt('make.written'), 'SIGKILL')
    expect(readFileSync(join(await mounting, 'password'), 'utf8')).toBe('hunter2')

    await orders.give('wipe.begun', 'wait')
    const unmounting = driver.unmount('db', hanging)
    await orders.reached('wipe.begun', unmounting)
    await driver.unmount('db', other)
    process.kill(await orders.jobAt('wipe.begun'), 'SIGKILL')
    await unmounting
    expect(readdirSync(join(daemon.directory, 'copies'))).toEqual([])
  })
})
