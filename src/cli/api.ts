import type { ErrorCode } from '../errors.ts'
import type { BoxName, FilePath, VolumeName } from '../vault/names.ts'
import type { Place } from './address.ts'
import type { Body } from './http.ts'

/** A box as the list of boxes shows it. Times are RFC 3339, `bytes` the sum of its files. */
export interface BoxSummary {
  readonly name: string
  readonly version: number
  readonly files: number
  readonly bytes: number
  readonly created: string
  readonly changed: string
}

/** One entry of a box; modes are octal text (`0644`). */
export type BoxEntry = { readonly path: string } & (
  | { readonly type: 'file'; readonly mode: string; readonly size: number; readonly digest?: string }
  | { readonly type: 'directory'; readonly mode: string }
  | { readonly type: 'symlink'; readonly target: string }
)

/** One version of a box with all its entries, parents first. */
export interface BoxListing {
  readonly name: string
  readonly id: string
  readonly version: number
  readonly created: string
  readonly changed: string
  readonly bytes: number
  readonly files: readonly BoxEntry[]
}

/** One version of a box, as the list of versions shows it. */
export interface BoxVersion {
  readonly version: number
  readonly created: string
  readonly files: number
  readonly bytes: number
}

/** A container, as far as the Engine told the daemon. */
export interface Container {
  readonly id: string
  readonly name: string | null
  readonly image: string | null
}

/** A volume with the copies that were made of its box, and the containers that mount it, running or not. */
export interface VolumeUse {
  readonly name: string
  readonly options: {
    readonly box: string
    readonly version: number | null
    readonly path: string
    readonly rw: boolean
  }
  readonly copies: readonly {
    readonly mount: string
    readonly box: string
    /** Null for the empty copy of a box that is missing. */
    readonly version: number | null
    readonly created: string
    readonly container: Container | null
  }[]
  readonly containers: readonly (Container & { readonly state: string })[]
}

/** What is of no use to anybody: volumes that no container has, and boxes that were to go with such. */
export interface Unused {
  readonly volumes: readonly { readonly name: string; readonly box: string; readonly created: string }[]
  readonly boxes: readonly { readonly name: string; readonly created: string }[]
}

/** What reconciliation does with a copy, or would do, and why. */
export interface Finding {
  readonly mount: string
  readonly volume: string | null
  readonly action: string
  readonly reason: string
}

/** One decision, as the daemon recorded it; which of the further fields there are depends on the action. */
export type AuditEntry = {
  readonly sequence: number
  readonly time: string
  readonly caller: {
    readonly kind: string
    readonly uid?: number
    readonly pid?: number
    readonly purpose?: string
  }
  readonly action: string
  readonly decision: string
} & Readonly<Record<string, unknown>>

/** Which entries of the audit are asked for. */
export interface AuditQuery {
  /** The newest so many of them. */
  readonly limit?: number | undefined
  readonly box?: string | undefined
  readonly action?: string | undefined
  /** RFC 3339. */
  readonly since?: string | undefined
  /** What comes later, too. */
  readonly follow?: boolean | undefined
}

/** What a reading of the audit gives. */
export type AuditLine = AuditEntry | AuditDamage | AuditCheck

/** What is wrong at a place of the audit; `sequence` is null where a record is of no entry. */
export interface AuditDamage {
  readonly sequence: number | null
  readonly damaged: string
}

/** How many entries were looked at, which, of which, and how many damages were found. */
export interface AuditCheck {
  readonly checked: number
  readonly damages: number
  readonly from: number
  readonly to: number
  readonly oldest: number
  readonly newest: number
}

/** An item that the daemon did not take, of a request whose other items it did. */
export interface ItemError {
  readonly path: string
  readonly code: ErrorCode
  readonly message: string
  readonly hint?: string
}

/** A change that made a new version, unless nothing of it could be done. */
export interface Change {
  readonly version: number
  /** How many items were done. */
  readonly applied: number
  readonly errors: readonly ItemError[]
  /** Symlinks of a tree that were put and show no file of the box in a container; absent when there are none. */
  readonly dangling?: readonly {
    readonly path: string
    readonly target: string
    readonly leads: 'nowhere' | 'outside'
  }[]
}

/** A box's file, or its tree as tar when that was wished and the path is a directory. */
export interface Contents {
  readonly version: number
  readonly tar: boolean
  /** Length of a file; null for a tar. */
  readonly bytes: number | null
  readonly body: AsyncIterable<Buffer>
}

/** The daemon, as the commands use it. Every call throws the daemon's own error, or `OutOfReach`. */
export interface Api {
  boxes(): Promise<readonly BoxSummary[]>
  /** As `boxes`, and the keys of records of boxes that are damaged. */
  boxesAndDamaged(): Promise<{ boxes: readonly BoxSummary[]; damaged: readonly string[] }>
  createBox(box: BoxName): Promise<{ version: number }>
  /**
   * Throws `in_use` that names the containers, unless it is to be done `evenIfUsed`; with `ifVersion`, `precondition` unless
   * that is the box's newest version.
   */
  destroyBox(box: BoxName, options: { evenIfUsed?: boolean; ifVersion?: number }): Promise<void>
  /** Throws `exists` when a box has that name, `in_use` that names the volumes and containers that know it by the old one. */
  renameBox(box: BoxName, to: BoxName): Promise<Change>
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
  volumes(): Promise<readonly VolumeUse[]>
  /** What no container has; of volumes the anonymous ones, or all. */
  unused(all: boolean): Promise<Unused>
  /** Removes these unless somebody uses them now; tells what was removed, and what was not and why. */
  prune(
    volumes: readonly VolumeName[],
    boxes: readonly BoxName[]
  ): Promise<{
    readonly volumes: readonly string[]
    readonly boxes: readonly string[]
    readonly errors: readonly Omit<ItemError, 'path'>[]
  }>
  /** Without `apply`, only tells what it would do. */
  reconcile(apply: boolean): Promise<readonly Finding[]>
  /** Oldest first, with what is damaged in its place; last what was looked at, unless it is followed without an end. */
  audit(query: AuditQuery): AsyncIterable<AuditLine>
  status(): Promise<Readonly<Record<string, unknown>>>
}
