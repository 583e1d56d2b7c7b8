import { spawn, type ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { mountsBelow } from '../kit/mounting.ts'
import { removeHome, startDaemon, type Daemon } from '../kit/daemon-process.ts'
import { eventually } from '../kit/eventually.ts'
import { ask } from '../kit/ask.ts'
import { isLong } from '../kit/length.ts'
import { takenBy, type Taken } from '../kit/taken.ts'
import { cannotMount } from '../kit/tmpfs.ts'
import { driverAt, freshId, labels, makeBox, type Driver } from '../kit/driver.ts'

/** Leaks and mix-ups show with fewer, too; what takes as long as there are copies shows with all of them. */
const containers = isLong ? 200 : 50
const copiesEach = 5
const allCopies = containers * copiesEach
const rounds = isLong ? 1000 : 400
/** What the memory of a process may differ by though nothing has grown: what its collector has not come to yet. */
const slackMiB = 16
/** Little of it is lying about at any time, then. */
const smallHeap = { NODE_OPTIONS: '--max-semi-space-size=1 --max-old-space-size=128' }
const manyMinutes = 900_000

/** A daemon whose store lies in memory: all those commits are flushed, and the disk is not what is tested. */
async function start(settings: NodeJS.ProcessEnv, directory?: string): Promise<Daemon> {
  const home = directory ?? mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'secretbox-'))
  const daemon = await startDaemon({ ...smallHeap, ...settings }, home)
  onTestFinished(async () => {
    await daemon.kill('SIGKILL')
    await removeHome(home)
  })
  return daemon
}

/** No Engine is there to say whose the copies are: they stay for as long as the test takes. */
const patient = { GRACE_SECONDS: '86400' }

/** What there is of copies: directories, mounts and labels. */
async function leftBy({ directory, adminSocket }: Daemon): Promise<number[]> {
  const below = mountsBelow(`${directory}/copies`)
  return [readdirSync(join(directory, 'copies')).length, below.length, (await labels(adminSocket)).length]
}

/** What the daemon takes when its connections have ended: `descriptors` at most. */
async function takenAtLast({ pid }: Daemon, descriptors: number): Promise<Taken> {
  await eventually(async () => (await takenBy(pid)).descriptors <= descriptors || null)
  return takenBy(pid)
}

function expectNoMore(now: Taken, before: Taken): void {
  expect(now.descriptors).toBeLessThanOrEqual(before.descriptors)
  expect(now.residentMiB).toBeLessThan(before.residentMiB + slackMiB)
}

test.skipIf(cannotMount)(
  `${rounds} rounds of Mount and Unmount leave nothing and take no memory or descriptors`,
  { timeout: manyMinutes },
  async () => {
    const daemon = await start(patient)
    const files = { password: 'hunter2', 'tls/key.pem': randomBytes(1700), keytab: randomBytes(70_000) }
    await makeBox(daemon.adminSocket, 'db', files)
    const driver = driverAt(daemon.pluginSocket, 4)
    await driver.createVolume('db')
    /** Now and then the Engine mounts a copy once more, as for `docker cp`. */
    const round = async (_: unknown, number: number): Promise<void> => {
      const id = freshId()
      const uses = number % 3 === 0 ? 2 : 1
      for (let use = 0; use < uses; use++) await driver.mount('db', id)
      for (let use = 0; use < uses; use++) await driver.unmount('db', id)
    }
    for (let done = 0; done < rounds / 2; done += 4) await Promise.all(Array.from({ length: 4 }, round))
    const before = await takenBy(daemon.pid)
    for (let done = 0; done < rounds; done += 4) await Promise.all(Array.from({ length: 4 }, round))
    expect(await leftBy(daemon)).toEqual([0, 0, 0])
    driver.close()
    expectNoMore(await takenAtLast(daemon, before.descriptors - 4), before)
  }
)

/** Boxes with a volume each, and what is in them. */
async function makeVolumes(daemon: Daemon, driver: Driver): Promise<ReadonlyMap<string, string>> {
  const passwords = new Map<string, string>()
  for (let at = 0; at < containers; at++) {
    const password = randomBytes(12).toString('hex')
    passwords.set(`box${at}`, password)
    await makeBox(daemon.adminSocket, `box${at}`, { password })
    await driver.createVolume(`box${at}`)
  }
  return passwords
}

interface Copy {
  readonly box: string
  readonly id: string
  readonly path: string
}

/** Makes all copies of all volumes at once. */
function mountAll(driver: Driver, boxes: Iterable<string>): Promise<Copy[]> {
  const wanted = [...boxes].flatMap(box => Array.from({ length: copiesEach }, () => ({ box, id: freshId() })))
  return Promise.all(wanted.map(async ({ box, id }) => ({ box, id, path: await driver.mount(box, id) })))
}

test.skipIf(cannotMount)(
  `of ${allCopies} copies asked for at once none fails, none is mixed up, and all that they took is given back`,
  { timeout: manyMinutes },
  async () => {
    const daemon = await start(patient)
    const driver = driverAt(daemon.pluginSocket)
    const passwords = await makeVolumes(daemon, driver)
    const takeTurn = async (): Promise<void> => {
      const copies = await mountAll(driver, passwords.keys())
      for (const { box, path } of copies)
        expect(readFileSync(join(path, 'password'), 'utf8')).toBe(passwords.get(box))
      expect(await leftBy(daemon)).toEqual([allCopies, allCopies, allCopies])
      await Promise.all(copies.map(({ box, id }) => driver.unmount(box, id)))
      expect(await leftBy(daemon)).toEqual([0, 0, 0])
    }
    await takeTurn()
    const before = await takenBy(daemon.pid)
    await takeTurn()
    expectNoMore(await takenAtLast(daemon, before.descriptors), before)
    driver.close()
    // Its own: files, sockets, and what watches.
    expect((await takenAtLast(daemon, 40)).descriptors).toBeLessThanOrEqual(40)
  }
)

/** As runc does it: a root of its own, into which the copies are bound, and the old one taken away. */
const holdCopies = `
root=$1; shift
mount -t tmpfs root "$root"
mkdir "$root/old"
for copy; do mkdir "$root/$((count += 1))" && mount --bind "$copy" "$root/$count"; done
cp "$(command -v busybox)" "$root/busybox"
cd "$root" && pivot_root . old
/busybox umount -l /old
echo holding
read _`

/** Starts a process that holds copies in a mount namespace of its own, until it is killed. */
async function holder(directory: string, copies: readonly Copy[]): Promise<ChildProcess> {
  const root = mkdtempSync(join(directory, 'root-'))
  const words = ['--mount', '--propagation', 'private', 'sh', '-c', holdCopies, 'sh', root]
  const child = spawn('unshare', [...words, ...copies.map(({ path }) => path)], {
    stdio: ['pipe', 'pipe', 'inherit']
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  await once(child.stdout, 'data')
  return child
}

test.skipIf(cannotMount)(
  `${allCopies} copies held in ${containers} mount namespaces live through a kill -9, and all are gone when their holders end`,
  { timeout: manyMinutes },
  async () => {
    const first = await start(patient)
    const driver = driverAt(first.pluginSocket)
    const passwords = await makeVolumes(first, driver)
    const copies = await mountAll(driver, passwords.keys())
    driver.close()
    const roots = mkdtempSync(join(tmpdir(), 'secretbox-holders-'))
    onTestFinished(() => rmSync(roots, { recursive: true }))
    // A container has copies of several boxes.
    const holders: { child: ChildProcess; held: Copy[] }[] = []
    for (let at = 0; at < containers; at++) {
      const held = copies.filter((_, index) => index % containers === at)
      holders.push({ child: await holder(roots, held), held })
    }
    await first.kill('SIGKILL')

    const second = await start({ GRACE_SECONDS: '1' }, first.directory)
    const { length } = copies
    const { body } = await ask(second.adminSocket, { method: 'POST', url: '/reconcile?apply=1' })
    const { actions } = JSON.parse(body.toString()) as { actions: { action: string }[] }
    expect(actions.map(({ action }) => action)).toEqual(Array.from({ length }, () => 'keep'))
    expect(await leftBy(second)).toEqual([length, length, length])
    for (const { child, held } of holders) {
      for (const [index, { box }] of held.entries()) {
        const seen = readFileSync(`/proc/${child.pid ?? 0}/root/${index + 1}/password`, 'utf8')
        expect(seen).toBe(passwords.get(box))
      }
    }
    for (const { child } of holders) child.kill('SIGKILL')
    let left: number[] = []
    await eventually(async () => {
      left = await leftBy(second)
      return left.every(count => count === 0) || null
    })
    expect(left).toEqual([0, 0, 0])
  }
)
