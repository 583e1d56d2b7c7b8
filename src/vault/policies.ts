import type { BoxName } from '../base/names.ts'
import type { Keyring } from '../crypto/keyring.ts'
import type { Store, Write } from '../store/store.ts'
import type { Grant, Policy } from './access/grants.ts'
import type { Policies } from './action/policies.ts'
import { allBoxes, boxIn, boxPrefix, type BoxRow } from './boxes/records.ts'
import { grantIn, grantPrefix, readGrants } from './grants/records.ts'

/** Whose boxes are that are not root's, by the keys of their rows. */
type Owners = Map<string, { readonly box: BoxName; readonly uid: number }>

/** What was read of the store, by the keys of its rows. */
interface Known {
  readonly grants: Map<string, Grant>
  readonly damaged: Set<string>
  /** Null until somebody asks who is not root. */
  owners: Owners | null
}

/** How rows are read while others are committed, each of which may have been read before that or after. */
function createReading() {
  let meanwhile: ((now: Known) => void)[] | null = null
  let forgotten = 0
  let last: Promise<unknown> = Promise.resolve()
  return {
    /** Reads rows, has `keep` make what is known of them, and adds what was committed meanwhile. */
    async whole<T>(read: () => Promise<T>, keep: (rows: T) => Known): Promise<Known> {
      for (;;) {
        const before = forgotten
        const later: typeof meanwhile = []
        meanwhile = later
        try {
          const rows = await read()
          if (before !== forgotten) continue
          const now = keep(rows)
          for (const add of later) add(now)
          return now
        } finally {
          meanwhile = null
        }
      }
    },
    /** One after the other, since the first may have read what the second asks for. */
    inTurn<T>(read: () => Promise<T>): Promise<T> {
      const turn = last.then(read)
      last = turn.catch(() => undefined)
      return turn
    },
    missed: (add: (now: Known) => void) => meanwhile?.push(add),
    forget() {
      forgotten++
    }
  }
}

/**
 * What decisions go by, read once and kept as commits change it: a decision comes before anything is looked up, so that
 * it costs the same for a box that is there and for one that is not. The store is this process's alone.
 */
export function createPolicies(store: Store): Policies {
  let known: Known | null = null
  let made: Policy | null = null
  let state = 0
  const reading = createReading()

  const withGrants = async (keyring: Keyring): Promise<Known> =>
    (known ??= await reading.whole(
      () => readGrants(store, keyring),
      ({ grants, damaged }) => ({ grants, damaged: new Set(damaged), owners: null })
    ))

  const readOwners = async (keyring: Keyring): Promise<void> => {
    // What was read is forgotten when a commit fails.
    while ((known?.owners ?? null) === null) {
      const now = await withGrants(keyring)
      await reading.whole(
        () => ownersOf(store, keyring),
        owners => Object.assign(now, { owners })
      )
    }
  }

  const policyNow = (): Policy | null => {
    if (made === null && known !== null && known.owners !== null) {
      const owners = new Map([...known.owners.values()].map(({ box, uid }) => [box, uid]))
      made = { grants: [...known.grants.values()], owners }
    }
    return made
  }

  return {
    grants: async keyring => {
      const { grants, damaged } = known ?? (await reading.inTurn(() => withGrants(keyring)))
      return { grants: [...grants.values()], damaged: [...damaged], state }
    },

    async current(keyring) {
      for (;;) {
        const policy = policyNow()
        if (policy !== null) return policy
        await reading.inTurn(() => readOwners(keyring))
      }
    },

    known: policyNow,
    state: () => state,

    committed(keyring, writes) {
      const ours = writes.filter(isOfPolicy)
      if (ours.some(write => keyOf(write).startsWith(grantPrefix))) state++
      for (const write of ours) {
        reading.missed(now => apply(now, keyring, write))
        if (known !== null && apply(known, keyring, write)) made = null
      }
    },

    forget() {
      reading.forget()
      state++
      known = null
      made = null
    }
  }
}

async function ownersOf(store: Store, keyring: Keyring): Promise<Owners> {
  const owners: Owners = new Map()
  for await (const row of allBoxes(store, keyring)) note(owners, row)
  return owners
}

/** Whether another owns the box than did. The box's key is wiped. */
function note(owners: Owners, { key, box }: BoxRow): boolean {
  if (box === null) return false
  box.key.wipe()
  const before = owners.get(key)
  if (box.owner === (before?.uid ?? 0)) return false
  if (box.owner === 0) owners.delete(key)
  else owners.set(key, { box: box.name, uid: box.owner })
  return true
}

/** Of grants and of boxes. What goes all at once is of neither. */
function isOfPolicy(write: Write): boolean {
  return [grantPrefix, boxPrefix].some(prefix => keyOf(write).startsWith(prefix))
}

function keyOf(write: Write): string {
  return 'put' in write ? write.put : 'remove' in write ? write.remove : ''
}

/** Whether that changes what decisions go by. */
function apply({ grants, damaged, owners }: Known, keyring: Keyring, write: Write): boolean {
  if ('removeAll' in write) return false
  // Whatever is there from now on was written by this process.
  damaged.delete('remove' in write ? write.remove : write.put)
  if ('remove' in write) return grants.delete(write.remove) || (owners?.delete(write.remove) ?? false)
  const row = { key: write.put, value: Buffer.from(write.value), revision: 1 }
  if (row.key.startsWith(boxPrefix))
    return owners !== null && note(owners, { key: row.key, box: boxIn(keyring, row) })
  const grant = grantIn(keyring, row)
  if (grant === null) return grants.delete(row.key)
  grants.set(row.key, grant)
  return true
}
