import { setImmediate } from 'node:timers/promises'
import { isSecretboxError, quote, SecretboxError } from '../base/errors.ts'
import { reach } from '../base/fault-points.ts'
import { randomSecret } from '../base/secret.ts'
import { keyBytes, type Keyring } from '../crypto/keyring.ts'
import { checkHeader, getHeader, putHeader } from '../crypto/keyslots/header.ts'
import { withRootKey } from '../crypto/keyslots/slot.ts'
import type { Store, StoredRecord, Write } from '../store/store.ts'
import { theVault } from './access/actions.ts'
import type { Caller } from './access/authority.ts'
import { scrub } from './scrubbing.ts'
import type { Gate } from './action/gate.ts'
import type { Policies } from './action/policies.ts'
import { hashOf } from './audit/records.ts'
import { boxPrefix, renewedBox } from './boxes/records.ts'
import { grantPrefix } from './grants/records.ts'
import { signingKeyRecord } from './identity/signing-key.ts'
import { digestKeyRecord } from './injected/digest-key.ts'

/** The writes that put the tags of copies' records under other keys. */
export type RetagCopies = (store: Store, from: Keyring['tag'], to: Keyring['tag']) => AsyncIterable<Write>

interface RotationParts {
  readonly store: Store
  readonly gate: Gate
  readonly policies: Policies
  readonly retagCopies: RetagCopies
}

/**
 * Gives the vault another root key, and puts all that is under the old one under that, in one commit: a crash leaves the one or the
 * other, and nothing to go on with. Most of the work is done before, while all else goes on. Every keyslot that opened the vault
 * opens it, and none of those that did not. Throws `damaged` for a box that cannot be read, `conflict` while it is under way.
 */
export function createRootRotation(parts: RotationParts): (caller: Caller) => Promise<void> {
  const { store, gate, policies } = parts
  let isUnderWay = false

  return caller =>
    gate.run(caller, 'vault.rotate', theVault, async permit => {
      if (isUnderWay) throw new SecretboxError('conflict', 'the root key is being made another already')
      isUnderWay = true
      const rootKey = randomSecret(keyBytes)
      const { keyring: to, takeOver } = permit.keyring.another(rootKey)
      rootKey.wipe()
      // Theirs from then on whose keys they are.
      const unused = new Set([to])
      try {
        const renewed = createRenewed(parts, permit.keyring, to)
        await renewed()
        FAULT: await reach('rotate.prepared')
        await permit.commitUnder({
          to,
          async others() {
            const writes = await renewed()
            FAULT: await reach('rotate.committing')
            return writes
          },
          onCommitted() {
            unused.clear()
            takeOver()
            policies.forget()
          }
        })
      } finally {
        isUnderWay = false
        for (const keyring of unused) keyring.wipe()
      }
      FAULT: await reach('rotate.committed')
      await scrub(store, 'the root key is another')
    })
}

/** What is under the vault's own keys, each under its own key in the store. */
const otherRecords = [signingKeyRecord, digestKeyRecord]
/** After so many records others have their turn. */
const recordsInTurn = 64

/** Makes all writes but those of the audit; again, only those that are not what they were. */
function createRenewed(
  { store, retagCopies }: RotationParts,
  from: Keyring,
  to: Keyring
): () => Promise<Write[]> {
  let known = new Map<string, { readonly of: string; readonly writes: readonly Write[] }>()

  return async () => {
    const now: typeof known = new Map()
    let made = 0
    const take = async (record: StoredRecord, renew: typeof renewedValue): Promise<void> => {
      const of = hashOf(record.value)
      const before = known.get(record.key)
      // A row that was removed and made again may have the same revision.
      const isSame = before?.of === of
      now.set(record.key, isSame ? before : { of, writes: renew(from, to, record) })
      if (!isSame && ++made % recordsInTurn === 0) await setImmediate()
    }
    for await (const record of store.list(boxPrefix)) await take(record, boxOrRefusal)
    for await (const record of store.list(grantPrefix)) await take(record, renewedValue)
    for (const key of otherRecords) {
      const record = await store.get(key)
      if (record !== null) await take(record, renewedValue)
    }
    known = now
    const stored = await getHeader(store)
    // What somebody else wrote there is not to be signed.
    checkHeader(from, stored)
    return [
      ...[...now.values()].flatMap(({ writes }) => writes),
      ...(await Array.fromAsync(retagCopies(store, from.tag, to.tag))),
      putHeader(to, withRootKey(stored.header, from, to), stored.revision)
    ]
  }
}

/** What is damaged gives nothing, and stays so. */
function renewedValue(from: Keyring, to: Keyring, { key, value, revision }: StoredRecord): Write[] {
  let plaintext: Buffer
  try {
    plaintext = from.decrypt(key, value)
  } catch (error) {
    if (isSecretboxError(error, 'damaged')) return []
    throw error
  }
  const renewed = to.encrypt(key, plaintext)
  plaintext.fill(0)
  return [{ put: key, value: renewed, expect: revision }]
}

/** What a backup could bring back would be lost: it is under the old root key. */
function boxOrRefusal(from: Keyring, to: Keyring, record: StoredRecord): Write[] {
  try {
    return renewedBox(from, to, record)
  } catch (error) {
    if (!isSecretboxError(error, 'damaged')) throw error
    throw new SecretboxError(
      'damaged',
      `cannot make another root key: record ${quote(record.key)} of a box is not what was written`,
      { hint: 'restore the store from a backup, or destroy the box whose record it is', cause: error }
    )
  }
}
