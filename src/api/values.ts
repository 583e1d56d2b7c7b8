import * as z from 'zod/mini'

/*
 * What fields are made of. An answer may hold more than its schema names: who reads it passes over what it does not know.
 * What a request must not hold beside what is named is said there (`strictObject`).
 *
 * Every schema is lazy: it is put together when something is read by it. To make them all takes longer than the command line
 * needs for all else until its first call, and it reads by two or three.
 */

/** A point in time, RFC 3339 in UTC. */
export const Time = z.lazy(() => z.iso.datetime())

/** How many, or how long in bytes. */
export const Count = z.lazy(() => z.int().check(z.minimum(0)))

/** A version of a box; the first is 1. */
export const VersionNumber = z.lazy(() => z.int().check(z.minimum(1)))

/** What distinguishes a box, or a store, from another of the same name. */
export const Id = z.lazy(() => z.string().check(z.regex(/^[0-9a-f]{32}$/)))

/** The same ID as others write it (RFC 9562). */
export const Uuid = z.lazy(() => z.string().check(z.regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)))

/** Permission bits as octal text, `0644`. */
export const OctalMode = z.lazy(() => z.string().check(z.regex(/^[0-7]{4}$/)))

/** SHA-256 or as long as it, hex. */
export const Digest = z.lazy(() => z.string().check(z.regex(/^[0-9a-f]{64}$/)))

/** One of some words, to which a later release may add: who reads answers takes any. The API's description lists those that there are. */
export function wordOf<const Word extends string>(
  words: readonly Word[]
): z.ZodMiniUnion<[z.ZodMiniEnum<{ [W in Word]: W }>, z.ZodMiniString<string>]> {
  return z.union([z.enum(words) as z.ZodMiniEnum<{ [W in Word]: W }>, z.string()])
}

/** What a schema reads, as everybody has it who must not alter it. */
export type Read<Schema extends z.core.$ZodType> = Unaltered<z.output<Schema>>

type Unaltered<T> = T extends string | number | boolean | null | undefined
  ? T
  : T extends readonly (infer Item)[]
    ? readonly Unaltered<Item>[]
    : { readonly [Field in keyof T]: Unaltered<T[Field]> }
