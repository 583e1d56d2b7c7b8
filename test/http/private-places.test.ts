import { chmodSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { NotStarted, startDaemon } from '../daemon-process.ts'
import { temporaryDirectory } from '../temporary.ts'

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

test('a store that others may use is refused, and opens when it is private again', async () => {
  const home = temporaryDirectory()
  const first = await startDaemon({}, home)
  expect(await first.kill('SIGTERM')).toBe(0)
  const store = join(home, 'data', 'store.db')
  chmodSync(store, 0o644)
  const started = startDaemon({}, home)
  await expect(started).rejects.toThrow('others may use it (mode 0644)')
  await expect(started).rejects.toThrow(`chmod 0600 ${store}`)
  chmodSync(store, 0o600)
  await (await startDaemon({}, home)).stop()
})
