import { join } from 'node:path'
import { systemClock } from '../base/clock.ts'
import { storeFileName, typesName } from '../base/default-paths.ts'
import { reach } from '../base/fault-points.ts'
import type { BoxName } from '../base/names.ts'
import { createEnvelope } from '../crypto/envelope.ts'
import { initialiseVault, type KeyslotParts } from '../crypto/keyslots/begin.ts'
import { readHeader } from '../crypto/keyslots/header.ts'
import { createSealing, type Sealing } from '../crypto/keyslots/sealing.ts'
import { loadSodium } from '../crypto/sodium.ts'
import { openSqliteStore } from '../store/sqlite.ts'
import type { Keyring } from '../crypto/keyring.ts'
import type { Store, Write } from '../store/store.ts'
import type { Authority, Caller } from './access/authority.ts'
import { standingOf, type Standing } from './access/grants.ts'
import { createGate, type Gate } from './action/gate.ts'
import { createAudit, type Audit } from './audit/audit.ts'
import { takeInWaiting } from './audit/journal.ts'
import type { BoxLimits } from './boxes/versions.ts'
import { createIdentity, type Identity } from './identity/identity.ts'
import { newSigningKey } from './identity/signing-key.ts'
import { newDigestKey } from './injected/digest-key.ts'
import { createGranting, type Granting } from './granting.ts'
import type { Policies } from './action/policies.ts'
import { createKeyslots, type Keyslots } from './keyslots.ts'
import { createBoxRotation, type Reencrypted } from './box-rotation.ts'
import { createPolicies } from './policies.ts'
import { createReaders } from './readers.ts'
import { createReadAudit, type ReadAudit } from './read-audit.ts'
import { createReadTypes, type ReadTypes } from './read-types.ts'
import { createRootRotation, type RetagCopies } from './root-rotation.ts'
import { sweepStaging } from './sweep.ts'
import { ownTypesIn } from './credentials/own-types.ts'
import { createTypes } from './credentials/types.ts'
import { createVault, type Vault } from './vault.ts'

/** Where a vault lies, and what it allows. */
export interface VaultSettings {
  /** The directory of the store, and that of the key file; both are there. */
  readonly dataDirectory: string
  readonly keyDirectory: string
  readonly limits: BoxLimits & { readonly maxAuditEntries: number }
  /** Which versions of a box must not be dropped; null while that is unknown. */
  readonly pinnedVersions: (store: Store, name: BoxName) => Promise<ReadonlySet<number> | null>
  readonly retagCopies: RetagCopies
  /** See `KeyslotParts`. */
  readonly allocate: KeyslotParts['allocate']
  /**
   * Called when what unfinished changes left cannot be removed, or what waited for the audit not be taken in. The vault opens all the same,
   * unless this throws.
   */
  readonly onUnswept: (error: unknown) => void
  /** For tests: another store between the vault and its file. */
  readonly wrap?: (store: Store) => Store
  /** For tests: another rule than `mayAct`. */
  readonly authority?: Authority
}

/** A vault that this process alone has open, and its parts. */
export interface OpenedVault {
  readonly storeFile: string
  readonly storeId: string
  readonly store: Store
  readonly keyslotParts: KeyslotParts
  readonly keyslots: Keyslots
  readonly rotateRoot: (caller: Caller) => Promise<void>
  readonly rotateBox: (caller: Caller, box: BoxName) => Promise<Reencrypted>
  readonly sealing: Sealing
  readonly audit: Audit
  readonly readAudit: ReadAudit
  readonly readTypes: ReadTypes
  readonly gate: Gate
  readonly granting: Granting
  readonly vault: Vault
  readonly identity: Identity
  /** How well a person is known, by what is known already; where nothing is, it is read for the next time. */
  standing(person: {
    readonly uid: number
    readonly gid: number
    readonly groups: readonly number[]
  }): Standing
  /** How many blobs of unfinished changes were swept since it was opened. */
  swept(): number
  /** Zeroes the keys and closes the store. */
  close(): Promise<void>
}

/**
 * Opens the vault of two directories, or begins one where there is none. That it is sealed is no error: whoever needs
 * its keys later has them when they have come. Throws what `openSqliteStore`, `readStoreId` and `initialiseVault` throw.
 */
export async function openVault(settings: VaultSettings): Promise<OpenedVault> {
  const { authority, limits, onUnswept } = settings
  const sodium = await loadSodium()
  const storeFile = join(settings.dataDirectory, storeFileName)
  const file = await openSqliteStore(storeFile, { create: true })
  const store = settings.wrap?.(file) ?? file
  const keyslotParts: KeyslotParts = {
    sodium,
    envelope: createEnvelope(sodium),
    store,
    keyDirectory: settings.keyDirectory,
    allocate: settings.allocate
  }
  try {
    const storeId = await findOrBegin(keyslotParts)
    FAULT: await reach('start.opened')
    let swept = 0
    const audit = createAudit(store, limits.maxAuditEntries)
    const sealing = createSealing(keyslotParts, storeId, async keyring => {
      // First what makes room on the disk.
      await orTold(onUnswept, async () => {
        const removed = await sweepStaging(store, keyring)
        swept += removed
        // It may be what was encrypted under a key that the box has no more.
        if (removed > 0) await store.scrub()
      })
      await orTold(onUnswept, () => takeInWaiting(store, audit, keyring))
    })
    await sealing.keyring().catch(() => null)
    const policies = createPolicies(store)
    const gate = createGate({ sealing, audit, policies, ...(authority === undefined ? {} : { authority }) })
    const types = createTypes(ownTypesIn(join(settings.dataDirectory, typesName)))
    const readers = createReaders()
    const vault = readers.of(
      createVault({
        ...{ store, gate, types, limits },
        pinnedVersions: name => settings.pinnedVersions(store, name)
      })
    )
    const granting = createGranting({ store, gate })
    const keyslots = createKeyslots({ sodium, store, storeId, sealing, gate })
    return {
      ...{
        storeFile,
        storeId,
        store,
        keyslotParts,
        keyslots,
        rotateRoot: createRootRotation({ store, gate, policies, retagCopies: settings.retagCopies }),
        rotateBox: createBoxRotation({ store, gate, readers }),
        sealing,
        audit,
        readAudit: createReadAudit(gate, audit),
        readTypes: createReadTypes(gate, types),
        gate,
        granting,
        vault,
        identity: createIdentity({ store, storeId, gate, clock: systemClock })
      },
      swept: () => swept,
      standing: standingBy(policies, sealing),
      async close() {
        sealing.wipe()
        await store.close()
      }
    }
  } catch (error) {
    await store.close()
    throw error
  }
}

async function orTold(onFailed: (error: unknown) => void, work: () => Promise<unknown>): Promise<void> {
  try {
    await work()
  } catch (error) {
    onFailed(error)
  }
}

/** Gives the vault's ID. */
async function findOrBegin(parts: KeyslotParts): Promise<string> {
  return (await readHeader(parts.store))?.header.id ?? (await initialiseVault(parts, firstRecords))
}

/** What a vault has from its beginning: keys of its own, which outlive its root key. */
function firstRecords(keyring: Keyring): Write[] {
  return [newSigningKey(keyring), newDigestKey(keyring)]
}

/** By what is known, so that it can be told at once; what is not known yet is read for the next time. */
function standingBy(policies: Policies, sealing: Sealing): OpenedVault['standing'] {
  return ({ uid, gid, groups }) => {
    const policy = policies.known()
    if (policy !== null) return standingOf({ uid, gids: [gid, ...groups] }, policy, Date.now())
    // For whoever connects a vault does not try to open.
    if (sealing.isSealed()) return 'stranger'
    void sealing
      .keyring()
      .then(keyring => policies.current(keyring))
      .catch(() => undefined)
    return 'stranger'
  }
}
