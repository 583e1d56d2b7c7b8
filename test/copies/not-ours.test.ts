import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import { openCopies } from '../../src/copies/copies.ts'
import { mount, unmountBelow } from '../kit/mounting.ts'
import { startSupervisor } from '../kit/supervisor.ts'
import { cannotMount } from '../kit/tmpfs.ts'
import { newKey, newPlace, plain } from './place.ts'

describe.skipIf(cannotMount)('what is no copy (takes root)', () => {
  test('a foreign file system below the copies directory is neither overwritten nor unmounted', async () => {
    const { copies, directory } = await newPlace()
    const key = newKey()
    mkdirSync(join(directory, key))
    mount('usb', join(directory, key), 'tmpfs', 0, 'size=4096')
    writeFileSync(join(directory, key, 'file'), 'precious')
    await expect(copies.wipe(key)).rejects.toMatchObject({
      code: 'conflict',
      message: `cannot wipe copy "${join(directory, key)}": what is there is no copy`
    })
    expect(readFileSync(join(directory, key, 'file'), 'utf8')).toBe('precious')
  })

  test('the copy of another key is none of this one', async () => {
    const { copies, directory } = await newPlace()
    const key = newKey()
    mkdirSync(join(directory, key))
    mount(`secretbox:${newKey()}`, join(directory, key), 'tmpfs', 0, 'size=4096')
    await expect(copies.wipe(key)).rejects.toMatchObject({ code: 'conflict' })
  })

  test('a directory with files of others is left alone, and so is a file', async () => {
    const { copies, directory } = await newPlace()
    const [key, file] = [newKey(), newKey()]
    const path = join(directory, key)
    mkdirSync(path)
    writeFileSync(join(path, 'a'), 'precious')
    writeFileSync(join(directory, file), 'precious')
    for (const one of [key, file]) {
      await expect(copies.wipe(one)).rejects.toMatchObject({
        code: 'conflict',
        message: `cannot wipe copy "${join(directory, one)}": what is there is no copy`
      })
    }
    expect(readdirSync(path)).toEqual(['a'])
    expect(readFileSync(join(directory, file), 'utf8')).toBe('precious')
  })

  test('a symlink in the place of a copy is not followed', async () => {
    const { copies, directory } = await newPlace()
    const [key, other] = [newKey(), newKey()]
    await copies.make(other, null, plain)
    symlinkSync(other, join(directory, key))
    await expect(copies.wipe(key)).rejects.toMatchObject({ code: 'conflict' })
    await expect(copies.make(key, null, plain)).rejects.toMatchObject({ code: 'unavailable' })
    expect(copies.deviceOf(other)).not.toBe(null)
  })

  test('a probe that an earlier start left mounted is cleared away, and others cannot enter the directory', async () => {
    const home = mkdtempSync(join(tmpdir(), 'secretbox-copies-'))
    const directory = join(home, 'copies')
    const probe = join(directory, '.probe')
    mkdirSync(probe, { recursive: true })
    chmodSync(directory, 0o755)
    mount('secretbox', probe, 'tmpfs', 0, 'size=4096')
    const supervisor = await startSupervisor(directory, home)
    onTestFinished(async () => {
      await supervisor.end()
      unmountBelow(home)
      rmSync(home, { recursive: true })
    })
    await openCopies(directory, supervisor, systemClock)
    expect(existsSync(probe)).toBe(false)
    expect(statSync(directory).mode & 0o777).toBe(0o700)
  })

  test('the root of a copy belongs to the owner of its entries', async () => {
    const { copies, directory } = await newPlace()
    const key = newKey()
    await copies.make(key, null, { ...plain, uid: 1000, gid: 1001, rw: true })
    expect(statSync(copies.pathOf(key))).toMatchObject({ uid: 1000, gid: 1001 })
    await copies.wipe(key)
    expect(readdirSync(directory)).toEqual([])
  })
})
