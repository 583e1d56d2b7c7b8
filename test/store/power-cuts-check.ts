import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isDamage, isEntry } from '../../src/vault/audit/reading.ts'
import { volumeRows, copyRecordsOf } from '../../src/volumes/records.ts'
import { contentsOf, openVault, root, type OpenVault } from '../kit/open-vault.ts'
import type { Image } from './power-cuts-disk.ts'
import { digestOf, maxVersions, type Expected } from './power-cuts-workload.ts'

/** A thousand of these are written and flushed: not on a disk, if that can be spared. */
const memory = '/dev/shm'

/**
 * Opens what a power cut has left with the real code and compares it with the states that it may be in: null when
 * it is one of them, wholly; otherwise what is wrong. Afterwards a change must work.
 */
export async function whatIsWrongWith(image: Image, allowed: readonly Expected[]): Promise<string | null> {
  const directory = mkdtempSync(join(existsSync(memory) ? memory : tmpdir(), 'secretbox-cut-'))
  try {
    mkdirSync(join(directory, 'vault'), { mode: 0o700 })
    for (const [name, contents] of image)
      writeFileSync(join(directory, 'vault', name), contents, { mode: 0o600 })
    const vault = await openVault(join(directory, 'vault'), { limits: { maxVersions } })
    try {
      if (vault.sealing.isSealed()) return `the vault is sealed: ${vault.sealing.reason() ?? ''}`
      const found = JSON.stringify(await describe(vault))
      if (!allowed.some(state => JSON.stringify(state) === found)) {
        return `it is in none of the states that it may be in: ${found.slice(0, 500)}`
      }
      const unfinished = await Array.fromAsync(vault.store.list('staging/'))
      if (unfinished.length > 0) return 'what was staged for a change that did not happen is still there'
      await vault.vault.create(root, 'after the cut' as Parameters<typeof vault.vault.create>[1])
      return null
    } finally {
      await vault.close()
    }
  } catch (error) {
    return error instanceof Error ? `${error.name}: ${error.message}` : String(error)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

/** What the vault says it holds; every chunk of every version is opened, and the audit's chain is checked. */
async function describe({ vault, store, audit, sealing }: OpenVault): Promise<Expected> {
  const lines = await Array.fromAsync(audit.read(await sealing.keyring(), { limit: Infinity }))
  if (lines.some(isDamage)) throw new Error('the audit is broken')
  const audited = lines.filter(isEntry).length
  const boxes: Record<string, Record<string, Record<string, string>>> = {}
  for (const { name, versions } of (await vault.list(root)).boxes) {
    boxes[name] = {}
    for (const { version } of versions) {
      const tree: Record<string, string> = {}
      await vault.open(root, 'reveal', { box: name, path: '' }, version, async opened => {
        for (const [path, entry] of opened.tree)
          if (entry.type === 'file') tree[path] = digestOf(await contentsOf(opened, path))
      })
      boxes[name][version] = tree
    }
  }
  const volumes = (await Array.fromAsync(volumeRows(store))).map(({ name }) => name)
  const labels = (await Array.fromAsync(copyRecordsOf(store, null))).map(({ mount }) => mount)
  return { boxes, volumes, labels, audited }
}
