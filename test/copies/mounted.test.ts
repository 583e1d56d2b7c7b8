import { existsSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { mountsBelow } from '../kit/mounting.ts'
import { comesTo } from '../kit/eventually.ts'
import { temporaryDirectory } from '../kit/temporary.ts'
import { cannotMount } from '../kit/tmpfs.ts'
import { contentsOf, mountPointOf, newKey, newPlace, plain } from './place.ts'

const contents = contentsOf({ password: { file: 'x' } })

describe.skipIf(cannotMount)('a copy that is mounted and still written (takes root)', () => {
  test('tells its device number by then', async () => {
    const orders = temporaryDirectory()
    writeFileSync(join(orders, 'make.written'), 'wait')
    const { copies } = await newPlace([], { SECRETBOX_FAULTS: orders })
    const key = newKey()
    const told = Promise.withResolvers<number>()
    let isMade = false
    const making = copies.make(key, contents, plain, async device => {
      told.resolve(device)
      await Promise.resolve()
    })
    void making.then(() => (isMade = true))
    const device = await told.promise
    expect(device).toBe(statSync(mountPointOf(copies, key)).dev)
    await comesTo(() => existsSync(join(orders, 'make.written.reached')))
    expect(isMade).toBe(false)
    rmSync(join(orders, 'make.written'))
    expect(await making).toBe(device)
  })

  test('tells it again when the job is killed after that and done once more', async () => {
    const orders = temporaryDirectory()
    writeFileSync(join(orders, 'make.written'), 'kill')
    const { copies } = await newPlace([], { SECRETBOX_FAULTS: orders })
    const key = newKey()
    const told: number[] = []
    const device = await copies.make(key, contents, plain, async number => {
      told.push(number)
      await Promise.resolve()
    })
    expect(told).toHaveLength(2)
    expect(told[1]).toBe(device)
    expect(statSync(copies.pathOf(key)).dev).toBe(device)
  })

  test('goes again when what is done meanwhile fails', async () => {
    const { copies, directory } = await newPlace()
    const full = (): Promise<void> => Promise.reject(new Error('the disk is full'))
    await expect(copies.make(newKey(), contents, plain, full)).rejects.toThrow('the disk is full')
    expect(readdirSync(directory)).toEqual([])
    expect(mountsBelow(directory)).toEqual([])
  })

  test('tells nothing when reading the contents breaks off', async () => {
    const { copies, directory } = await newPlace()
    const broken = {
      ...contents,
      read() {
        throw new Error('the store is away')
      }
    }
    let told = 0
    const making = copies.make(newKey(), broken, plain, async () => {
      told++
      await Promise.resolve()
    })
    await expect(making).rejects.toThrow('the store is away')
    expect(told).toBe(0)
    expect(readdirSync(directory)).toEqual([])
  })
})
