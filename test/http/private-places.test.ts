import { chmodSync, chownSync, mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { NotStarted, startDaemon } from '../kit/daemon-process.ts'
import { temporaryDirectory } from '../kit/temporary.ts'

test.each(['data', 'key'])('a %s directory that others can write to is refused', async name => {
  const home = temporaryDirectory()
  const directory = join(home, name)
  mkdirSync(directory)
  chmodSync(directory, 0o777)
  const started = startDaemon({}, home)
  await expect(started).rejects.toBeInstanceOf(NotStarted)
  await expect(started).rejects.toMatchObject({ code: 1 })
  await expect(started).rejects.toThrow(`others can write to it (mode 0777)`)
  await expect(started).rejects.toThrow(`chmod go-w ${directory}`)
})

test.skipIf(process.getuid?.() !== 0).each(['data', 'key'])(
  'a %s directory of another user is refused (giving it away takes root)',
  async name => {
    const home = temporaryDirectory()
    const directory = join(home, name)
    mkdirSync(directory, { mode: 0o700 })
    chownSync(directory, 65_534, 65_534)
    const started = startDaemon({}, home)
    await expect(started).rejects.toThrow(`cannot use directory \\"${directory}\\": it belongs to uid 65534`)
    await expect(started).rejects.toThrow(`chown 0 ${directory}`)
  }
)

test('a store that others may use is refused, and opens when it is private again', async () => {
  const home = temporaryDirectory()
  const first = await startDaemon({}, home)
  expect(await first.kill('SIGTERM')).toBe(0)
  const store = join(home, 'data', 'store.db')
  chmodSync(store, 0o644)
  const started = startDaemon({}, home)
  await expect(started).rejects.toThrow('others can use it (mode 0644)')
  await expect(started).rejects.toThrow(`chmod 0600 ${store}`)
  chmodSync(store, 0o600)
  if (process.getuid?.() === 0) {
    chownSync(store, 65_534, 65_534)
    const others = startDaemon({}, home)
    await expect(others).rejects.toThrow(`cannot use store \\"${store}\\": it belongs to uid 65534`)
    await expect(others).rejects.toThrow(`chown 0 ${store}`)
    chownSync(store, 0, 0)
  }
  await (await startDaemon({}, home)).stop()
})

test.skipIf(process.getuid?.() !== 0)(
  'a key file of another user seals the vault, which says whose it is (giving it away takes root)',
  async () => {
    const home = temporaryDirectory()
    const first = await startDaemon({}, home)
    expect(await first.kill('SIGTERM')).toBe(0)
    const [name = ''] = readdirSync(join(home, 'key'))
    const key = join(home, 'key', name)
    chownSync(key, 65_534, 65_534)
    const second = await startDaemon({}, home)
    await second.stop()
    expect(second.log()).toContain(`cannot use key file \\"${key}\\": it belongs to uid 65534`)
  }
)
