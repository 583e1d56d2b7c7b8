import type { AuditLine } from '../../api/audit.ts'
import type { BoxListing, BoxSummary, BoxVersion } from '../../api/boxes.ts'
import type { CanAnswer, Grant, GrantWish, RevokeWish } from '../../api/grants.ts'
import type { Right } from '../../base/rights.ts'
import type { Injected, ToInject } from '../../api/injected.ts'
import type { Change } from '../../api/changes.ts'
import type { PublicIdentity } from '../../api/identity.ts'
import type { KeyslotList, slotKinds } from '../../api/keyslots.ts'
import type { TypeList } from '../../api/types.ts'
import type { Finding, Pruned, Unused, VolumeUse } from '../../api/volumes.ts'
import type { BoxName, FilePath, VolumeName } from '../../base/names.ts'
import type { Place } from './address.ts'
import type { Body } from '../output/body.ts'

/** Which entries of the audit are asked for. */
export interface AuditFilter {
  /** The newest so many of them. */
  readonly limit?: number | undefined
  readonly boxes?: readonly BoxName[] | undefined
  readonly action?: string | undefined
  /** The number of a user, or the kind of a caller that is none. */
  readonly caller?: string | undefined
  /** By its name, or its ID from the beginning on. */
  readonly container?: string | undefined
  /** Only what was denied. */
  readonly denied?: boolean | undefined
  /** RFC 3339: from the first on, until before the other. */
  readonly since?: string | undefined
  readonly until?: string | undefined
  /** What comes later, too. */
  readonly follow?: boolean | undefined
}

/** What a new credential is, and what for. */
export interface BoxKind {
  readonly type: string
  readonly scope: Readonly<Record<string, string>>
}

/** What a list of boxes is to be. */
export interface BoxListOptions {
  /** The box with this ID alone. */
  readonly uuid?: string | undefined
  /** Those of this user alone. */
  readonly owner?: number | undefined
  /** With what of their fields is no secret. */
  readonly fields?: boolean
}

/** A box's file, or its tree as tar when that was wished and the path is a directory. */
export interface Contents {
  readonly version: number
  readonly tar: boolean
  /** Length of a file; null for a tar. */
  readonly bytes: number | null
  readonly body: AsyncIterable<Buffer>
}

/** What a keyslot opens with. */
export type KeyslotKind = (typeof slotKinds)[number]

/** A keyslot that is to be; what a passphrase is, or a recipient's key and the age file that holds it. */
export interface NewKeyslot {
  readonly name: string
  readonly kind: KeyslotKind
  readonly recipient?: string
  readonly given?: Body
}

/** The daemon, as the commands use it. Every call throws the daemon's own error, or `OutOfReach`. */
export interface Api {
  boxes(): Promise<readonly BoxSummary[]>
  /** As `boxes`, and the keys of records of boxes that are damaged. */
  boxesAndDamaged(
    options?: BoxListOptions
  ): Promise<{ boxes: readonly BoxSummary[]; damaged: readonly string[] }>
  /** Plain, or of a type; one that is never revealed is so for good. Throws `exists`, `not_found` for a type, `invalid` for a scope. */
  createBox(
    box: BoxName,
    kind?: BoxKind | null,
    options?: { neverRevealed?: boolean }
  ): Promise<{ version: number }>
  /**
   * Throws `in_use` that names the containers, unless it is to be done `evenIfUsed`; with `ifVersion`, `precondition` unless
   * that is the box's newest version.
   */
  destroyBox(box: BoxName, options: { evenIfUsed?: boolean; ifVersion?: number }): Promise<void>
  /** Throws `exists` when a box has that name, `in_use` that names the volumes and containers that know it by the old one. */
  renameBox(box: BoxName, to: BoxName): Promise<Change>
  /** Makes it another user's, by uid. */
  giveBox(box: BoxName, owner: number): Promise<Change>
  box(box: BoxName, version?: number): Promise<BoxListing>
  /** As `box`, with digests of contents, which are equal for equal contents in one box. */
  boxWithDigests(box: BoxName, version?: number): Promise<BoxListing>
  /** The versions that are kept, oldest first; there is always one. */
  versions(box: BoxName): Promise<readonly BoxVersion[]>
  /** What a path names, symlinks followed in the box, and in which version; null when nothing is there. */
  kindAt(
    box: BoxName,
    path: FilePath,
    version?: number
  ): Promise<{ kind: 'file' | 'directory'; version: number } | null>
  /**
   * Merges a tar into a directory of a box as one new version; entries that cannot be kept are named in `errors`.
   * Symlinks are followed in the directory's path, and not in the tar's names.
   */
  addTree(to: Place, tar: Body): Promise<Change>
  remove(box: BoxName, items: readonly { path: string; recursive: boolean }[]): Promise<Change>
  /** `mode` is octal text. With `ifVersion`, throws `precondition` unless that is the box's newest version. */
  putFile(
    box: BoxName,
    path: FilePath,
    body: Body,
    options?: { mode?: string | undefined; ifVersion?: number | undefined }
  ): Promise<Change>
  /** With `tree`, a directory is answered as tar; without, it is an error. */
  read(
    box: BoxName,
    path: FilePath,
    options?: { tree?: boolean; version?: number | undefined }
  ): Promise<Contents>
  /** Makes a new version with the contents of an older one. */
  rollback(box: BoxName, version: number): Promise<Change>
  /** What was granted on a box, or all that this user may know of. */
  grants(box?: BoxName): Promise<{ grants: readonly Grant[]; damaged?: readonly string[] }>
  grant(wish: GrantWish): Promise<Grant>
  /** Those that something was taken from, as they are now. */
  revoke(wish: RevokeWish): Promise<readonly Grant[]>
  /** Takes away a record of a grant that is damaged. Throws `not_found`, `conflict` for one that is not. */
  discardGrant(record: string): Promise<void>
  can(subject: string, right: Right, box: BoxName, groups: readonly number[]): Promise<CanAnswer>
  keyslots(): Promise<KeyslotList['keyslots']>
  /** Adds a keyslot, or puts it in the `place` of the one of that name. Gives what opens it, which the caller overwrites; empty for what was given. */
  makeKeyslot(place: 'new' | 'same', slot: NewKeyslot): Promise<Buffer>
  /** Gives the names of the boxes that it could open. */
  removeKeyslot(name: string): Promise<readonly string[]>
  opensKeyslot(name: string, kind: KeyslotKind, given: Body): Promise<boolean>
  /** Gives the vault another root key. */
  rotateRoot(): Promise<void>
  /** Gives a box another key. */
  rotateBox(box: BoxName): Promise<void>
  seal(): Promise<void>
  /** By the keyslot of a name, or any of that kind. */
  unseal(kind: KeyslotKind, name: string | undefined, given: Body): Promise<void>
  /** By name. */
  types(): Promise<TypeList>
  volumes(): Promise<readonly VolumeUse[]>
  /** What no container has; of volumes the anonymous ones, or all. */
  unused(all: boolean): Promise<Unused>
  /** Removes these unless somebody uses them now; tells what was removed, and what was not and why. */
  prune(volumes: readonly VolumeName[], boxes: readonly BoxName[]): Promise<Pruned>
  /** Without `apply`, only tells what it would do. */
  reconcile(apply: boolean): Promise<readonly Finding[]>
  /** Oldest first, with what is damaged in its place; last what was looked at, unless it is followed without an end. */
  audit(query: AuditFilter): AsyncIterable<AuditLine>
  /** Who signs the tokens of containers, and its public keys. */
  identity(): Promise<PublicIdentity>
  /**
   * The names of the variables that a container would be given, and the digest of all that it would be. Throws `invalid` for a
   * file that is none of variables, or has one that another has.
   */
  injected(asked: ToInject): Promise<Injected>
  status(): Promise<Readonly<Record<string, unknown>>>
}
