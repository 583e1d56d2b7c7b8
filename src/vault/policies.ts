import type { BoxName } from '../base/names.ts'
import type { Keyring } from '../crypto/keyring.ts'
import type { Store, Write } from '../store/store.ts'
import type { Grant, Policy } from './access/grants.ts'
import type { Policies } from './action/policies.ts'
import { allBoxes, boxIn, boxPrefix, type BoxRow } from './boxes/records.ts'
import { grantIn, grantPrefix, readGrants } from './grants/records.ts'

/** What was read of the store, by the keys of its rows. */
interface Known {
  readonly grants: Map<string, Grant>
  readonly damaged: readonly string[]
  /** Null until somebody asks who is not root. */
  owners: Map<string, { readonly box: BoxName; readonly uid: number }> | null
}

/**
 * What decisions go by, read once and kept as commits change it: a decision comes before anything is looked up, so that
 * it costs the same for a box that is there and for one that is not. The store is this process's alone.
 */
export function createPolicies(store: Store): Policies {
  let known: Known | null = null
  let made: Policy | null = null
  /** How many commits were told of: what was read while there was one is read again. */
  let commits = 0
  let reading: Promise<unknown> = Promise.resolve()

  const whole = async <T>(read: () => Promise<T>): Promise<T> => {
    for (;;) {
      const before = commits
      const result = await read()
      if (before === commits) return result
    }
  }

  /** One after the other, since the first may have read what the second asks for. */
  const inTurn = <T>(read: () => Promise<T>): Promise<T> => {
    const turn = reading.then(read)
    reading = turn.catch(() => undefined)
    return turn
  }

  const withGrants = async (keyring: Keyring): Promise<Known> =>
    (known ??= await whole(async () => ({ ...(await readGrants(store, keyring)), owners: null })))

  const withOwners = async (keyring: Keyring): Promise<Known & { owners: NonNullable<Known['owners']> }> => {
    for (;;) {
      const now = await withGrants(keyring)
      const owners = now.owners ?? (await whole(() => ownersOf(store, keyring)))
      // Forgotten meanwhile.
      if (known !== now) continue
      now.owners = owners
      return { ...now, owners }
    }
  }

  return {
    grants: async keyring => {
      const { grants, damaged } = known ?? (await inTurn(() => withGrants(keyring)))
      return { grants: [...grants.values()], damaged }
    },

    async current(keyring) {
      if (made !== null) return made
      return inTurn(async () => {
        const { grants, owners } = await withOwners(keyring)
        return (made ??= {
          grants: [...grants.values()],
          owners: new Map([...owners.values()].map(({ box, uid }) => [box, uid]))
        })
      })
    },

    committed(keyring, writes) {
      const ours = writes.filter(isOfPolicy)
      if (ours.length === 0) return
      commits++
      made = null
      if (known === null) return
      for (const write of ours) apply(known, keyring, write)
    },

    forget() {
      commits++
      known = null
      made = null
    }
  }
}

async function ownersOf(store: Store, keyring: Keyring): Promise<NonNullable<Known['owners']>> {
  const owners: NonNullable<Known['owners']> = new Map()
  for await (const row of allBoxes(store, keyring)) note(owners, row)
  return owners
}

/** The box's key is wiped. */
function note(owners: NonNullable<Known['owners']>, { key, box }: BoxRow): void {
  if (box === null) return
  box.key.wipe()
  if (box.owner !== 0) owners.set(key, { box: box.name, uid: box.owner })
}

/** Of boxes, whether one comes or goes: whose it is stays what it is. */
function isOfPolicy(write: Write): boolean {
  if ('removeAll' in write) return false
  if ('remove' in write) return write.remove.startsWith(grantPrefix) || write.remove.startsWith(boxPrefix)
  return write.put.startsWith(grantPrefix) || (write.put.startsWith(boxPrefix) && write.expect === null)
}

function apply({ grants, owners }: Known, keyring: Keyring, write: Write): void {
  if ('removeAll' in write) return
  if ('remove' in write) {
    grants.delete(write.remove)
    owners?.delete(write.remove)
    return
  }
  const row = { key: write.put, value: Buffer.from(write.value), revision: 1 }
  if (!write.put.startsWith(grantPrefix)) {
    if (owners !== null) note(owners, { key: row.key, box: boxIn(keyring, row) })
    return
  }
  const grant = grantIn(keyring, row)
  if (grant !== null) grants.set(row.key, grant)
}
