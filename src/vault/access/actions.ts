import type { actions } from '../../base/actions.ts'
import type { BoxName, MountId, VolumeName } from '../../base/names.ts'
import type { Right } from '../../base/rights.ts'
import type { BoxPattern } from './box-pattern.ts'
import { printSubject, type Subject } from './subjects.ts'

/** One of `actions`. */
export type Action = (typeof actions)[number]

/** A box by its name, whether it is there or not. */
interface OneBox {
  readonly box: BoxName
}

/** A volume, and the box that it shows. */
interface OneVolume {
  readonly volume: VolumeName
  readonly box: BoxName
}

/** A copy, by the volume and the mount ID that it was made for. */
interface OneCopy {
  readonly volume: VolumeName
  readonly mount: MountId
}

/** Boxes that a grant is about, and whom it is for. */
interface OneGrant {
  readonly boxes: BoxPattern
  readonly subject: Subject
}

/** A keyslot by its name. */
interface OneSlot {
  readonly slot: string
}

/** No box, volume or copy in particular. */
interface Whole {
  readonly box?: never
  readonly volume?: never
}

/** The vault as a whole; for a listing: all that may be in it, each of which is asked about on its own. */
export const theVault: Whole = {}

/**
 * What each action is about: this is what is decided on, and what the audit keeps of it. An action that names a box is
 * asked about by that name before anything is looked up, so that a denial says nothing of what there is.
 */
export interface Resources {
  'box.list': OneBox | Whole
  'box.inspect': OneBox
  'box.create': OneBox
  'box.destroy': OneBox
  /** Both names: the box loses one, and another comes to have the other. */
  'box.rename': OneBox & { readonly newName: BoxName }
  /** `owner`: the uid of whose it is to be. */
  'box.own': OneBox & { readonly owner: number }
  /** Its key becomes another. */
  'box.rotate': OneBox
  'box.change': OneBox
  /** Digests tell who may write whether a guess is right. */
  'box.compare': OneBox
  'box.use': OneBox
  'box.reveal': OneBox & { readonly path: string }
  'box.mount': OneBox & OneCopy
  'box.answer': OneBox & OneCopy
  'box.serve': OneBox & {
    readonly path: string
    readonly service: string | undefined
    readonly task: string | undefined
    readonly image: string | undefined
  }
  'copy.describe': OneCopy & OneBox
  'token.issue': OneCopy & OneBox
  'identity.show': Whole
  'copy.attach': OneCopy & OneBox
  'copy.wipe': OneCopy
  /** It came to another container than those it was made for. */
  'copy.withdraw': OneCopy & OneBox
  'volume.list': OneVolume | Whole
  'volume.create': OneVolume
  'volume.remove': Pick<OneVolume, 'volume'>
  'type.list': Whole
  'audit.read': OneBox | Whole
  /** Whether somebody has a right. */
  'grant.ask': OneGrant
  'grant.list': { readonly boxes: BoxPattern } | Whole
  'grant.add': OneGrant & { readonly rights: readonly Right[] }
  'grant.revoke': OneGrant
  /** By the key of a record that cannot be read. */
  'grant.discard': { readonly record: string }
  'keyslot.list': Whole
  'keyslot.add': OneSlot
  'keyslot.replace': OneSlot
  'keyslot.remove': OneSlot
  'keyslot.test': OneSlot
  /** The root key becomes another. */
  'vault.rotate': Whole
  'vault.seal': Whole
  'vault.unseal': Whole
  reconcile: Whole
  status: Whole
}

/** What of a resource the audit keeps: patterns and subjects as they are written. */
export function detailsOf(resource: Resources[Action]): Details {
  const { boxes, subject, ...others } = resource as { boxes?: BoxPattern; subject?: Subject } & Details
  return {
    ...others,
    ...(boxes === undefined ? {} : boxes.name === null ? { boxes: boxes.text } : { box: boxes.name }),
    ...(subject === undefined ? {} : { subject: printSubject(subject) })
  }
}

/** What the audit keeps beside who, what and when: of the resource, and of what came of it. */
export interface Details {
  readonly box?: BoxName | undefined
  /** What a box is called from then on. */
  readonly newName?: BoxName | undefined
  /** The uid of whose a box is from then on. */
  readonly owner?: number | undefined
  readonly volume?: string | undefined
  readonly mount?: string | undefined
  readonly version?: number | undefined
  readonly path?: string | undefined
  readonly container?: string | undefined
  readonly containerName?: string | undefined
  readonly image?: string | undefined
  readonly service?: string | undefined
  readonly task?: string | undefined
  readonly count?: number | undefined
  /** How many acts of the same caller an entry stands for, when others were not recorded. */
  readonly times?: number | undefined
  /** When it was done while the vault was sealed: until that was unsealed, what the entry says lay where who can write the store may have changed it. */
  readonly unauthenticated?: string | undefined
  /** For whom a token is, and which it is (its `jti`). */
  readonly audience?: string | undefined
  readonly token?: string | undefined
  /** Which boxes a grant is about, as it is written. */
  readonly boxes?: string | undefined
  readonly subject?: string | undefined
  readonly rights?: readonly Right[] | undefined
  /** The name of a keyslot. */
  readonly slot?: string | undefined
  /** The key of a record that could not be read. */
  readonly record?: string | undefined
  /** The grant's ID. */
  readonly grant?: string | undefined
  readonly expires?: string | undefined
}
