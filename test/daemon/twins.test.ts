import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { umount } from '../kit/mounting.ts'
import { ask } from '../kit/ask.ts'
import { cannotMount } from '../kit/tmpfs.ts'
import { freshId, labels, makeBox } from '../kit/driver.ts'
import { hold } from '../kit/hold.ts'
import { start, type Started } from '../kit/started.ts'

/** A copy of box `db` that the daemon has made and cannot reach any more. `holding` begins before that. */
async function mountedOnce(
  settings: NodeJS.ProcessEnv = {},
  holding: (copy: string) => Promise<unknown> = () => Promise.resolve()
): Promise<Started & { id: string }> {
  const started = await start(settings)
  await makeBox(started.daemon.adminSocket, 'db', { password: 'hunter2' })
  await started.driver.createVolume('db')
  const id = freshId()
  const copy = await started.driver.mount('db', id)
  await holding(copy)
  umount(dirname(copy))
  return { ...started, id }
}

/** The same, held, as after `docker plugin disable -f`. */
const heldApart = (): Promise<Started & { id: string }> => mountedOnce({}, hold)

test.skipIf(cannotMount)(
  'a copy that is held out of reach has a twin of the same version, for docker cp (takes root)',
  async () => {
    const { daemon, driver, id } = await heldApart()
    await ask(daemon.adminSocket, { method: 'PUT', url: '/vault/db/password', body: 'hunter3' })
    expect(readFileSync(join(await driver.mount('db', id), 'password'), 'utf8')).toBe('hunter2')
    await driver.unmount('db', id)
    expect(readFileSync(join(await driver.mount('db', freshId()), 'password'), 'utf8')).toBe('hunter3')
  }
)

test.skipIf(cannotMount)(
  'one that may be held has a twin, too: without every mount table and without the engine nobody knows (takes root)',
  async () => {
    const { daemon, driver, id } = await mountedOnce({ SECRETBOX_SUPERVISOR_OPTIONS: '--old-kernel' })
    await ask(daemon.adminSocket, { method: 'PUT', url: '/vault/db/password', body: 'hunter3' })
    expect(readFileSync(join(await driver.mount('db', id), 'password'), 'utf8')).toBe('hunter2')
    expect(await labels(daemon.adminSocket)).toEqual([id])
  }
)

test.skipIf(cannotMount)(
  'it has none when its box was destroyed, even if there is another box of that name (takes root)',
  async () => {
    const { daemon, driver, id } = await heldApart()
    await ask(daemon.adminSocket, { method: 'DELETE', url: '/vault/db/?force=1' })
    await expect(driver.mount('db', id)).rejects.toThrow('cannot mount volume "db": no such box "db"')
    await makeBox(daemon.adminSocket, 'db', { password: 'of another' })
    await expect(driver.mount('db', id)).rejects.toThrow(
      'cannot mount volume "db": box "db" is another than the one that the container has (restart the container to give it this one)'
    )
    expect(readdirSync(join(daemon.directory, 'copies'))).toEqual([])
    // Of the copy that is held.
    expect(await labels(daemon.adminSocket)).toEqual([id])
  }
)
