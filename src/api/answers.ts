import type { ErrorCode } from '../base/errors.ts'

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

/** What a reading of the audit gives. */
export type AuditLine = AuditEntry | AuditDamage | AuditCheck

/** What is wrong at a place of the audit. */
export interface AuditDamage {
  /** The entry that is concerned, or before which something is wrong; null for a record that is of no entry. */
  readonly sequence: number | null
  readonly damaged: string
}

/** What a reading of the audit looked at, told at the end. */
export interface AuditCheck {
  /** How many entries were read and held against each other, whether they were asked for or not. */
  readonly checked: number
  /** How many damages were told of. */
  readonly damages: number
  /** The numbers of the first and last entry that were looked at. */
  readonly from: number
  readonly to: number
  /** The numbers of the oldest and the newest entry that there must be. */
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
