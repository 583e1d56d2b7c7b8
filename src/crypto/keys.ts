import { SecretboxError } from '../base/errors.ts'
import { Secret } from '../base/secret.ts'
import type { Sodium } from './sodium.ts'

/** The bytes of every root key, box key and blob key. */
export const keyBytes = 32

/** What is kept of a root key while the vault is unsealed. */
export interface Keys {
  readonly names: Secret
  readonly records: Secret
  readonly tags: Secret
  /** New keyslots are made of it. */
  readonly root: Secret
}

interface KeysParts {
  readonly sodium: Sodium
  readonly rootKey: Secret
  readonly allocate: (length: number) => Uint8Array
}

/** Derives them from the root key, which stays the caller's, into memory that `allocate` gives. */
export function keysOf({ sodium, rootKey, allocate }: KeysParts): Keys {
  const memory = allocate(4 * keyBytes)
  const kept = (place: number, key: Secret): Secret => {
    const bytes = memory.subarray(place * keyBytes, (place + 1) * keyBytes)
    bytes.set(key.bytes())
    return new Secret(bytes)
  }
  const keep = (purpose: string, place: number): Secret => {
    const key = derivedKey(sodium, rootKey, purpose)
    try {
      return kept(place, key)
    } finally {
      key.wipe()
    }
  }
  return {
    names: keep('names', 0),
    records: keep('records', 1),
    tags: keep('tags', 2),
    root: kept(3, rootKey)
  }
}

/** A key of its own for each purpose; the caller wipes it. */
export function derivedKey(sodium: Sodium, key: Secret, purpose: string): Secret {
  return new Secret(sodium.keyedHash(key.bytes(), Buffer.from(`secretbox/1 ${purpose}`), keyBytes))
}

/** The bytes of a key that is not wiped. Throws `sealed`: an act may be under way when the vault is sealed. */
export function live(key: Secret): Uint8Array {
  if (key.length > 0) return key.bytes()
  throw new SecretboxError('sealed', 'the vault was sealed meanwhile')
}

/** Which keys are used, and those that were before: what was read when they were can be decrypted for a while. */
export interface KeysInUse {
  now(): Keys
  before(): Keys | null
  /** How often others have come. */
  generation(): number
  replace(next: Keys): void
  wipe(): void
}

/** How long that is: longer than any act reads on in what it has read. */
const rememberedMs = 60_000

export function createKeysInUse(first: Keys): KeysInUse {
  let now = first
  let before: Keys | null = null
  let generation = 0
  let hasEnded = false
  const forget = (keys: Keys | null): void => {
    if (keys !== null) wipeKeys(keys)
    if (before === keys) before = null
  }
  return {
    now: () => now,
    before: () => before,
    generation: () => generation,
    replace(next) {
      // Sealed at that very moment.
      if (hasEnded) wipeKeys(next)
      forget(before)
      const old = now
      before = old
      now = next
      generation++
      setTimeout(() => forget(old), rememberedMs).unref()
    },
    wipe() {
      hasEnded = true
      forget(before)
      wipeKeys(now)
    }
  }
}

function wipeKeys({ names, records, tags, root }: Keys): void {
  for (const key of [names, records, tags, root]) key.wipe()
}
