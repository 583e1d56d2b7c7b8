import { readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { eventually } from '../kit/eventually.ts'
import { ask } from '../kit/ask.ts'
import { cannotMount, smallDisk } from '../kit/tmpfs.ts'
import { copyOf, freshId, labels, makeBox } from '../kit/driver.ts'
import { hold } from '../kit/hold.ts'
import { standInEngine } from '../kit/stand-in-engine.ts'
import { start, type Started } from '../kit/started.ts'

/** What may be wrong, and what Mount then says. */
interface State {
  /** Brings it about; gives the daemon that serves in it, and how all is well again. */
  bring(
    started: Started,
    dataDirectory: string
  ): Promise<{ started: Started; end: () => void | Promise<void> }>
  readonly message: RegExp
  /** What the volume's Status says of it. */
  readonly status?: object
}

const states: Readonly<Record<string, State>> = {
  'the vault is sealed': {
    async bring(started) {
      const [key, away] = ['key/key', 'away'].map(name => join(started.daemon.directory, name)) as [
        string,
        string
      ]
      renameSync(key, away)
      return { started: await started.again('SIGKILL'), end: () => renameSync(away, key) }
    },
    message:
      /^cannot mount volume "db": the vault is sealed: there is no key file ".*" \(put the key file back; /,
    status: { Sealed: expect.stringContaining('there is no key file') as string }
  },
  'the key is another': {
    async bring(started) {
      const key = join(started.daemon.directory, 'key/key')
      renameSync(key, `${key}.away`)
      writeFileSync(key, 'x'.repeat(100), { mode: 0o600 })
      return { started: await started.again('SIGKILL'), end: () => renameSync(`${key}.away`, key) }
    },
    message: /^cannot mount volume "db": the vault is sealed: /,
    status: { Sealed: expect.any(String) as string }
  },
  'the box was destroyed': {
    async bring(started) {
      await ask(started.daemon.adminSocket, { method: 'DELETE', url: '/vault/db/?force=1' })
      return { started, end: () => makeBox(started.daemon.adminSocket, 'db', { password: 'hunter2' }) }
    },
    message: /^cannot mount volume "db": no such box "db" \(create it with: docker vault create db\)$/
  },
  'the disk is full': {
    bring(started, dataDirectory) {
      const filler = join(dataDirectory, 'filler')
      expect(() => {
        for (;;) writeFileSync(filler, Buffer.alloc(64 << 10), { flag: 'a' })
      }).toThrow('ENOSPC')
      return Promise.resolve({ started, end: () => rmSync(filler) })
    },
    message: /^cannot mount volume "db": cannot write store ".*": the disk is full \(free room /
  }
}

test.skipIf(cannotMount).for(Object.entries(states))(
  'when %s, what is known is told, Mount says why it fails, and Unmount succeeds (takes root)',
  async ([, state]) => {
    const disk = smallDisk(8 << 20)
    const first = await start({
      SECRETBOX_DOCKER_SOCKET: (await standInEngine()).socket,
      SECRETBOX_DATA_DIR: disk.directory
    })
    await makeBox(first.daemon.adminSocket, 'db', { password: 'hunter2' })
    await first.driver.createVolume('db')
    const [running, ended, other] = [freshId(), freshId(), freshId()]
    const container = await hold(await first.driver.mount('db', running), 'c'.repeat(64))
    await first.driver.mount('db', ended)
    const { started, end } = await state.bring(first, disk.directory)
    const { driver, daemon } = started
    const copies = (): string[] => readdirSync(join(daemon.directory, 'copies'))

    const { Volume } = await driver.call('Get', { Name: 'db' })
    expect(Volume).toMatchObject({
      Name: 'db',
      CreatedAt: expect.any(String) as string,
      Status: { Box: 'db', ...state.status }
    })
    expect(await driver.call('List', {})).toMatchObject({ Volumes: [{ Name: 'db' }] })
    expect(await driver.call('Path', { Name: 'db' })).toEqual({ Mountpoint: '' })
    expect(await driver.call('Capabilities', {})).toEqual({ Capabilities: { Scope: 'local' } })
    await expect(driver.call('Get', { Name: 'other' })).rejects.toThrow('no such volume "other"')

    await expect(driver.mount('db', other)).rejects.toThrow(state.message)
    expect(copies()).not.toContain(copyOf('db', other))
    expect(await labels(daemon.adminSocket)).not.toContain(other)
    // What runs is as it was, also for "docker cp".
    await driver.mount('db', running)
    await driver.unmount('db', running)
    expect(container.read('password')).toBe('hunter2')
    expect(await driver.unmount('db', ended)).toEqual({})
    expect(await driver.unmount('db', freshId())).toEqual({})
    expect(await driver.unmount('other', freshId())).toEqual({})
    expect(copies()).toEqual([copyOf('db', running)])

    await end()
    await driver.unmount('db', await driver.mount('db', other).then(() => other))
    await container.end()
    await driver.unmount('db', running)
    const isClean = async (): Promise<true | null> =>
      (copies().length === 0 && (await labels(daemon.adminSocket)).length === 0) || null
    expect(await eventually(isClean)).toBe(true)
  }
)
