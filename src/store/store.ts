/** A row of the store: what it holds, and how often it was written. */
export interface StoredRecord {
  readonly key: string
  /**
   * Encrypted, except for the few kinds that must be read without a root key. The reader owns it. Empty for a row that
   * we cannot have written: no record of ours is empty.
   */
  readonly value: Buffer
  /** 1 when first written, one more at each write; a removed row begins anew. 0 for a row that is not ours. */
  readonly revision: number
}

/** One step of a commit. `expect` is the revision that must be there now; `null`: no row; absent: whatever. */
export type Write =
  | { readonly put: string; readonly value: Uint8Array; readonly expect?: number | null }
  | { readonly remove: string; readonly expect?: number }
  | { readonly removeAll: string }

/**
 * Where records live. It sees keys and encrypted bytes only. The same few calls fit SQLite and a distributed
 * key-value store's transactions. Every method may throw `unavailable`, `full` or `damaged`.
 */
export interface Store {
  get(key: string): Promise<StoredRecord | null>
  /**
   * The records whose keys begin with `prefix`, by key; backwards when `reverse`; at most `limit`; only those whose
   * keys come after the key `after`.
   */
  list(
    prefix: string,
    options?: { reverse?: boolean; limit?: number; after?: string }
  ): AsyncIterable<StoredRecord>
  /** How many records have keys that begin with `prefix`. */
  count(prefix: string): Promise<number>
  /**
   * All writes, durable when the promise resolves, or none. Throws `conflict` when an expectation does
   * not hold; then the caller reads again. `onCommitted` is called once they are durable, and before anybody reads anything.
   */
  commit(writes: readonly Write[], onCommitted?: () => void): Promise<void>
  /** Leaves nothing in the store's files of what was replaced or removed before, but for what was large and removed as a whole (`removeAll`). */
  scrub(): Promise<void>
  close(): Promise<void>
}
