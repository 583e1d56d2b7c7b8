import { ephemeralPrefix, parseFilePath, type BoxName, type FilePath } from './names.ts'

/*
 * How a file of one container's secrets (docs/inject.md) was given, for who puts it into a box, and for who tells the container of it.
 */

export const secretKinds = ['text', 'json'] as const
export type SecretKind = (typeof secretKinds)[number]

/** Where in its box such a file lies: numbers are its own within the kind or beyond. */
export function placeOfSecret(kind: SecretKind, number: number): FilePath {
  return parseFilePath(`${kind}/${number}`)
}

/** The kind of the file of a box at a path; null when it is none of one container's secrets. */
export function kindOfSecret(box: BoxName, path: string): SecretKind | null {
  if (!box.startsWith(ephemeralPrefix)) return null
  return secretKinds.find(kind => path.startsWith(`${kind}/`)) ?? null
}
