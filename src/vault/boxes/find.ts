import { quote, SecretboxError } from '../../base/errors.ts'
import { createHint, didYouMean } from '../../base/messages.ts'
import type { BoxName } from '../../base/names.ts'
import { nearest } from '../../base/nearest.ts'
import type { Store } from '../../store/store.ts'
import { theVault, type Action } from '../access/actions.ts'
import type { Permit } from '../action/permit.ts'
import { allBoxes, readBox, summaryOf, type Box, type BoxSummary } from './records.ts'

/** What lets an act be done to one box. Here nothing else says which: an act reaches the box that was decided on, and no other. */
export type BoxPermit = Permit<Exclude<Extract<Action, `box.${string}`>, 'box.list'>>

/**
 * The box that was decided on, or null when there is none of that name. It is closed also by a grant that was made while it was,
 * and is written so at its next change. Whoever reads it wipes its key. Throws `damaged`.
 */
export async function findBox(store: Store, permit: BoxPermit): Promise<Box | null> {
  const box = await readBox(store, permit.keyring, permit.resource.box)
  return box && { ...box, isClosed: box.isClosed || (await permit.isClosed(box.name)) }
}

/** As `findBox`, throwing `not_found` with a hint for who wants to `find` a box, or to `fill` one that could be made. */
export async function getBox(store: Store, permit: BoxPermit, wish: 'find' | 'fill'): Promise<Box> {
  const box = await findBox(store, permit)
  if (box !== null) return box
  const name = permit.resource.box
  const meant = await misspelt(store, permit, name)
  const advice = [
    ...(meant === null ? [] : [didYouMean(meant)]),
    ...(wish === 'fill' ? [(meant === null ? '' : 'if not, ') + createHint(name)] : []),
    ...(wish === 'find' && meant === null ? ['docker vault list --boxes shows those that there are'] : [])
  ]
  throw new SecretboxError('not_found', `no such box ${quote(name)}`, { hint: advice.join(' ') })
}

/** The name of a box that may have been meant, of those that the caller may list. */
async function misspelt(store: Store, permit: BoxPermit, name: BoxName): Promise<string | null> {
  if (!permit.may('box.list', theVault)) return null
  const { boxes } = await listedBoxes(store, permit, summaryOf)
  return nearest(
    name,
    boxes.map(box => box.name)
  )
}

/**
 * The boxes that the caller may know of, each asked about on its own, by name; and the keys of records that are damaged,
 * of which nobody can say whose they are: they are for who may see how the vault is. `look`: what is wanted of each box.
 */
export async function listedBoxes<Seen extends Pick<BoxSummary, 'name'>>(
  store: Store,
  permit: Pick<Permit, 'keyring' | 'may'>,
  look: (box: Box) => Seen | Promise<Seen>
): Promise<{ boxes: Seen[]; damaged: string[] }> {
  const { keyring, may } = permit
  const generation = keyring.generation()
  const boxes: Seen[] = []
  const damaged: string[] = []
  for await (const { key, box } of allBoxes(store, keyring)) {
    try {
      if (box === null) damaged.push(key)
      else if (may('box.list', { box: box.name })) boxes.push(await look(box))
    } finally {
      box?.key.wipe()
    }
  }
  // Under another root key they lie in another order.
  if (generation !== keyring.generation()) return listedBoxes(store, permit, look)
  boxes.sort((a, b) => (a.name < b.name ? -1 : 1))
  return { boxes, damaged: may('status', theVault) ? damaged : [] }
}

/** Throws `exists` when a box has the name, which the caller was allowed to give to one. */
export async function refuseTaken(
  store: Store,
  { keyring }: Pick<Permit, 'keyring'>,
  name: BoxName
): Promise<void> {
  const present = await readBox(store, keyring, name)
  present?.key.wipe()
  if (present !== null) throw new SecretboxError('exists', `box ${quote(name)} exists already`)
}
