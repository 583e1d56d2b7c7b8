import type { Rig } from '../kit/engine/rig.ts'
import type { Model } from './model.ts'
import type { Random } from '../kit/random.ts'

/** Where the soak happens. */
export interface Site {
  readonly rig: Rig
  readonly model: Model
  readonly random: Random
  /** Directory for what containers report. */
  readonly reports: string
  /** The program that gets in the way (test/engine/faults/attacker.c). */
  readonly attacker: string
}

/** Something that is done once, and what the model says of it. */
export interface Deed {
  /** For people: `start c3`. */
  readonly what: string
  /** What no other deed may touch at the same time, by name: `container c3`. */
  readonly alone: readonly string[]
  /** What others may touch at the same time, unless they must be alone with it. */
  readonly shared: readonly string[]
  /** What its failure must say; null: it must work; `any`: nobody can tell. */
  readonly refusal: RegExp | null | 'any'
  /** Rejects when it fails. */
  act(): Promise<unknown>
  /** Whether it came to pass, asked when a fault may have hidden the answer. */
  happened(): Promise<boolean>
  /** Writes into the model that it came to pass; says what was wrong with what it gave, or null. */
  note(): string | null
  /** Writes into the model what it means that it failed. */
  noteFailure?(): void
}

/** A kind of deed that is done again and again. */
export interface Kind {
  readonly name: string
  readonly weight: number
  /** The next of this kind; null when there is nothing to do it to. */
  plan(site: Site): Deed | null
}

/** True when the two may be done at the same time. */
export function canShare(one: Deed, other: Deed): boolean {
  const touches = (deed: Deed): string[] => [...deed.alone, ...deed.shared]
  return (
    !one.alone.some(name => touches(other).includes(name)) &&
    !other.alone.some(name => touches(one).includes(name))
  )
}

/** The first of `prefix0`, `prefix1`, … that is not in use; null when `most` are. */
export function freeName(used: ReadonlyMap<string, unknown>, prefix: string, most: number): string | null {
  for (let index = 0; index < most; index++) if (!used.has(`${prefix}${index}`)) return `${prefix}${index}`
  return null
}
