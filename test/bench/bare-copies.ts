import { ensureDirSync } from 'fs-extra/esm'
import { randomBytes } from 'node:crypto'
import { mkdirSync, readdirSync, rmdirSync, unlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Envelope } from '../../src/crypto/envelope.ts'
import { mount, MountFlag, umount } from '../kit/mounting.ts'
import type { Copies } from './copies.ts'

/**
 * What a Mount and an Unmount cannot do without, and nothing else, in this process: open sealed records of the
 * lengths given, mount a tmpfs below `directory`, write `files` (path → size), make it read-only; later make it
 * writable, overwrite and unlink the files, unmount.
 */
export function bareCopies(
  directory: string,
  files: ReadonlyMap<string, number>,
  envelope: Envelope,
  recordBytes: readonly number[]
): Copies {
  const key = randomBytes(32)
  const place = Buffer.from('the place of a record')
  const records = recordBytes.map(length => envelope.encrypt(key, place, Buffer.alloc(length)))
  const contents = [...files].map(([path, size]) => ({
    path,
    parent: dirname(path),
    bytes: Buffer.alloc(size, 's'),
    zeros: Buffer.alloc(size)
  }))
  const flags = MountFlag.noSuid | MountFlag.noDev | MountFlag.noExec
  const mounted: string[] = []

  const make = (): void => {
    for (const record of records) envelope.decrypt(key, place, record).fill(0)
    const root = join(directory, randomBytes(32).toString('hex'))
    mkdirSync(root, { recursive: true, mode: 0o700 })
    mount('bare', root, 'tmpfs', flags, 'mode=0755,size=65536,nr_inodes=32')
    for (const { path, parent, bytes } of contents) {
      ensureDirSync(`${root}/${parent}`)
      writeFileSync(`${root}/${path}`, bytes, { mode: 0o600 })
    }
    mount(null, root, null, flags | MountFlag.remount | MountFlag.readOnly, null)
    mounted.push(root)
  }

  const wipe = (): void => {
    const root = mounted.pop()
    if (root === undefined) return
    mount(null, root, null, flags | MountFlag.remount, null)
    for (const { path, zeros } of contents) {
      writeFileSync(`${root}/${path}`, zeros, { flag: 'r+' })
      unlinkSync(`${root}/${path}`)
    }
    for (const name of readdirSync(root)) rmdirSync(`${root}/${name}`)
    umount(root, 0)
    rmdirSync(root)
  }

  return { make: () => inPromise(make), wipe: () => inPromise(wipe) }
}

function inPromise(work: () => void): Promise<void> {
  work()
  return Promise.resolve()
}
