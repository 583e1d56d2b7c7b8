import * as z from 'zod/mini'
import { Time, wordOf, type Read } from './values.ts'

/** What a keyslot opens with. */
export const slotKinds = ['key-file', 'passphrase', 'recovery', 'recipient'] as const

/** One way to the root key. */
const Keyslot = z.lazy(() =>
  z.object({
    name: z.string(),
    kind: wordOf(slotKinds),
    /** The uid of who made it. */
    by: z.int(),
    made: Time,
    /** When it last opened the vault. */
    opened: z.nullable(Time),
    /** Of a recipient's: their public key as age writes it, and the age file for them that holds the slot's key, in base64. */
    recipient: z.optional(z.string()),
    file: z.optional(z.string())
  })
)

/** In the order in which they were made. */
export const KeyslotList = z.lazy(() => z.object({ keyslots: z.array(Keyslot) }))
export type KeyslotList = Read<typeof KeyslotList>

/** Those that are left, and the boxes that the removed one could open. */
export const KeyslotRemoved = z.lazy(() =>
  z.object({ keyslots: z.array(Keyslot), boxes: z.array(z.string()) })
)

/** Whether what was sent opens the keyslot. */
export const Opens = z.lazy(() => z.object({ opens: z.boolean() }))

/** How many keyslots there are to the new root key. */
export const Rotated = z.lazy(() => z.object({ keyslots: z.int() }))

/** What of a box was put under its new key. */
export const RotatedBox = z.lazy(() => z.object({ versions: z.int(), bytes: z.int() }))

/** Whether the vault is sealed now. */
export const Sealed = z.lazy(() => z.object({ sealed: z.boolean() }))
