import * as z from 'zod/mini'
import { parseBoxName, type BoxName } from '../../base/names.ts'

/** Of an image: the names of the boxes it expects, a JSON array. It asks for them and is given none by it. */
export const hintLabel = 'io.secretbox.boxes'
/** Of an image: the names of the boxes that its build was given, a JSON array. */
export const builtWithLabel = 'io.secretbox.built-with'
/** Of a container: the boxes that it was given, a JSON array of `box`, `version` at that time, and `target`. */
export const injectedLabel = 'io.secretbox.injected'

/** Of a container: the digest of all that it was given when it was made (src/api/injected.ts). */
export const digestLabel = 'io.secretbox.digest'

/** Labels of an image or container. */
export type Labels = Readonly<Record<string, string>>

/** The box names in a label; null when it is not a JSON array of box names, for anybody can write one. */
export function namesInLabel(labels: Labels, label: string): BoxName[] | null {
  const text = labels[label]
  if (text === undefined || text === '') return []
  try {
    const value: unknown = JSON.parse(text)
    if (!Array.isArray(value) || !value.every(name => typeof name === 'string')) return null
    return [...new Set(value.map(parseBoxName))]
  } catch {
    return null
  }
}

/** A place in a container at which it was given a box; `version` undefined for one that was missing, or whose version was not noted. */
export interface InjectedPlace {
  readonly target: string
  readonly version: number | undefined
}

const InjectedPlaces = z.array(z.object({ target: z.string(), version: z.optional(z.number()) }))

/** The places in the label of a container; none when it is not as we write it, for anybody can write one. */
export function injectedIn(labels: Labels): readonly InjectedPlace[] {
  const text = labels[injectedLabel]
  if (text === undefined) return []
  try {
    const places = InjectedPlaces.safeParse(JSON.parse(text))
    return places.success ? places.data.map(({ target, version }) => ({ target, version })) : []
  } catch {
    return []
  }
}
