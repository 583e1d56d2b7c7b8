import * as z from 'zod/mini'
import { actions } from '../base/actions.ts'
import { rights } from '../base/rights.ts'
import { ageRecipient, containerName, parseBoxName, parseFilePath, slotName } from '../base/names.ts'
import { slotKinds } from './keyslots.ts'

/*
 * What requests say in their query and headers: text, which is read into what it means. What a schema's issue says goes
 * on after `bad NAME "TEXT": `. A parameter that is given twice is a list, which none of them takes.
 */

const flagWords = ['', '0', '1', 'true', 'false']

/** Yes or no; the bare name is yes, without it no. */
export const YesNo = z.lazy(() =>
  z.pipe(
    z._default(z.enum(flagWords, 'it must be 1 or 0'), '0'),
    z.transform(text => text === '' || text === '1' || text === 'true')
  )
)

const numberRule = 'it must be a number from 1 on'

/** A whole number from 1 on. */
export const WholeNumber = z.lazy(() =>
  z.optional(
    z.pipe(z.string(numberRule).check(z.regex(/^[1-9][0-9]{0,14}$/, numberRule)), z.transform(Number))
  )
)

const modeRule = 'it must be octal, 0 to 7777'

/** Permission bits in octal. */
export const Mode = z.lazy(() =>
  z.optional(
    z.pipe(
      z.string(modeRule).check(z.regex(/^0?[0-7]{1,4}$/, modeRule)),
      z.transform((text: string) => Number.parseInt(text, 8))
    )
  )
)

/** What is put. */
export const EntryType = z.lazy(() =>
  z._default(z.enum(['file', 'directory', 'symlink'], 'it must be file, directory or symlink'), 'file')
)

/** A path in the box. Reading it throws what `parseFilePath` throws. */
export const PathInBox = z.lazy(() =>
  z.optional(z.pipe(z.string('it must be one path in the box'), z.transform(parseFilePath)))
)

/** A box's name. Reading it throws what `parseBoxName` throws. */
export const NameOfBox = z.lazy(() =>
  z.optional(z.pipe(z.string('it must be one name'), z.transform(parseBoxName)))
)

/** As many boxes as are asked about at once. */
export const mostBoxesAsked = 20
const boxesRule = `it must be names, at most ${mostBoxesAsked}, each as box=NAME`

/** Boxes, by a parameter that is given once for each. Reading it throws what `parseBoxName` throws. */
export const NamesOfBoxes = z.lazy(() =>
  z.optional(
    z.pipe(
      z.union([z.string(), z.array(z.string()).check(z.maxLength(mostBoxesAsked))], boxesRule),
      z.transform((given: string | string[]) => [...new Set([given].flat().map(parseBoxName))])
    )
  )
)

const callerRule = 'it must be the number of a user, "engine", "daemon" or "container"'

/** Who asked: a user by number, or a kind of caller that is none. */
export const CallerToFind = z.lazy(() =>
  z.optional(
    z.pipe(
      z.string(callerRule).check(z.regex(/^([0-9]{1,10}|engine|daemon|container)$/, callerRule)),
      z.transform((text: string) =>
        /^\d/.test(text) ? Number(text) : (text as 'engine' | 'daemon' | 'container')
      )
    )
  )
)

const containerRule = 'it must be the name of a container, or its ID'

/** A container, by its name or its ID from the beginning on. */
export const ContainerToFind = z.lazy(() =>
  z.optional(z.string(containerRule).check(z.regex(containerName, containerRule)))
)

/** A box's name that must be there. Reading it throws what `parseBoxName` throws. */
export const BoxToAsk = z.lazy(() => z.pipe(z.string('it must be one name'), z.transform(parseBoxName)))

/** Whom a grant is for. */
export const SubjectToAsk = z.lazy(() => z.string('it must be one subject'))

/** What a grant gives. */
export const RightToAsk = z.lazy(() => z.enum(rights, `rights are ${rights.join(', ')}`))

const groupsRule = 'it must be numbers with commas between them'

/** The groups of a user, by number. */
export const Groups = z.lazy(() =>
  z.pipe(
    z._default(z.string(groupsRule).check(z.regex(/^([0-9]{1,10}(,[0-9]{1,10})*)?$/, groupsRule)), ''),
    z.transform((text: string) => (text === '' ? [] : text.split(',').map(Number)))
  )
)

/** Whether a box is ever revealed. */
export const Reveal = z.lazy(() => z.optional(z.literal('never', 'it must be never')))

/** An action of the audit. */
export const Action = z.lazy(() => z.optional(z.enum(actions, `actions are ${actions.join(', ')}`)))

const momentRule = 'it must be a time such as 2026-01-31T12:00:00Z'

/** A point in time, read into RFC 3339 in UTC. */
export const Moment = z.lazy(() =>
  z.optional(
    z.pipe(
      z.string(momentRule).check(
        z.regex(/^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}/, momentRule),
        z.refine(text => !Number.isNaN(Date.parse(text)), momentRule)
      ),
      z.transform((text: string) => new Date(text).toISOString())
    )
  )
)

const pairsRule = 'it must be KEY=VALUE, several joined by &'

/** A type of credentials, by its name. */
export const NameOfType = z.lazy(() => z.optional(z.string('it must be one name')))

/** What a box is for, pair by pair as in a query: `host=db.example&use=backup`. */
export const Pairs = z.lazy(() =>
  z.optional(
    z.pipe(
      z.string(pairsRule).check(z.regex(/^[^=&]+=[^=&]*(&[^=&]+=[^=&]*)*$/, pairsRule)),
      z.transform((text: string) => Object.fromEntries(new URLSearchParams(text)))
    )
  )
)

const uuidRule = 'it must be a UUID'

const uidRule = 'it must be the number of a user'

/** A user by number. */
export const NumberOfUser = z.lazy(() =>
  z.optional(z.pipe(z.string(uidRule).check(z.regex(/^[0-9]{1,10}$/, uidRule)), z.transform(Number)))
)

/** A box by its ID, with or without dashes. */
export const UuidOfBox = z.lazy(() =>
  z.optional(
    z.pipe(
      z.string(uuidRule).check(z.regex(/^[0-9a-fA-F]{8}-?([0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}$/, uuidRule)),
      z.transform((text: string) => text.replaceAll('-', '').toLowerCase())
    )
  )
)

const ifMatchRule = 'it must be a version in quotes, as "3"'

/** `If-Match`: the version that must be the newest, in quotes; `*` is any, which is read as none. */
export const IfMatch = z.lazy(() =>
  z.optional(
    z.pipe(
      z.string(ifMatchRule).check(z.regex(/^("[0-9]{1,15}"|\*)$/, ifMatchRule)),
      z.transform((text: string) => (text === '*' ? undefined : Number(text.slice(1, -1))))
    )
  )
)

/** `If-None-Match`: only what is not there yet. */
export const IfNoneMatch = z.lazy(() => z.optional(z.literal('*', 'only * is understood')))

/** What a keyslot opens with. */
export const SlotKindToUse = z.lazy(() => z.enum(slotKinds, `kinds are ${slotKinds.join(', ')}`))

const slotNameRule =
  'it must have lower-case letters, digits, dots, dashes and underscores, at most 64, and begin with a letter or a digit'
const nameOfSlot = (): z.ZodMiniString => z.string(slotNameRule).check(z.regex(slotName, slotNameRule))

/** A keyslot's name that must be there. */
export const NameOfSlot = z.lazy(nameOfSlot)

/** A keyslot's name; without it, any of the kind. */
export const NameOfAnySlot = z.lazy(() => z.optional(nameOfSlot()))

const recipientRule = 'it must be the public key of an age identity: age1 and 58 more letters and digits'

/** Whom a keyslot is for; for that kind alone. */
export const RecipientOfSlot = z.lazy(() =>
  z.optional(z.string(recipientRule).check(z.regex(ageRecipient, recipientRule)))
)

/** What needs no reading: one of several types that are wished, a purpose. */
export const Words = z.lazy(() => z.optional(z.string()))

/** `ETag` of an answer: the box's version, in quotes. */
export const VersionTag = z.lazy(() => z.string().check(z.regex(/^"[1-9][0-9]*"$/)))

/** `Cache-Control` of an answer about what is secret. */
export const NoStore = z.lazy(() => z.literal('no-store'))

/** `Content-Length` of a file; a tree's is not known before. */
export const ContentLength = z.lazy(() => z.optional(z.string().check(z.regex(/^[0-9]+$/))))

/** The key of a record of a grant, whatever it is called. */
export const RecordOfGrant = z.lazy(() =>
  z.string('it must be one record').check(z.regex(/^grant\//, 'a record of a grant begins with "grant/"'))
)
