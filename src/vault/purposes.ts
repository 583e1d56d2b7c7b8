import type { Write } from '../store/store.ts'
import type { Action, Resources } from './access/actions.ts'
import type { OpenedNames, OpenedVersion } from './opened-version.ts'

/** What is so of everything that is opened for a purpose. */
interface Rule {
  /** What the gate is asked for, and what the audit says. */
  readonly action: Extract<Action, `box.${string}`>
  readonly shows: 'names' | 'contents'
  /**
   * When the entry must be on the disk: before anybody gets what was opened, or within its use, in one commit with the
   * writes that come of that. Nobody else than who waits for the answer has what was opened then, and it is recorded by
   * that time.
   */
  readonly recorded: 'before' | 'within'
  /**
   * Without such a box: `not_found` with a hint for who wants to find one, or to fill one that could be made; or nothing
   * is opened, and that is recorded and used.
   */
  readonly missing: 'find' | 'fill' | 'nothing'
  /** What of a credential is opened: its fields as they are stored, or the files that clients read. */
  readonly form: 'stored' | 'rendered'
}

/** What a version of a box may be opened for. */
export const purposes = {
  /** To list names, modes, sizes and digests. */
  inspect: { action: 'box.inspect', shows: 'names', recorded: 'before', missing: 'find', form: 'stored' },
  /** To tell which files of a box are equal, by their digests. */
  compare: { action: 'box.compare', shows: 'names', recorded: 'before', missing: 'find', form: 'stored' },
  /** To give contents to the caller. */
  reveal: { action: 'box.reveal', shows: 'contents', recorded: 'before', missing: 'find', form: 'stored' },
  /** To give a file to a service of a swarm, which may not be one that may use the box. */
  serve: { action: 'box.serve', shows: 'contents', recorded: 'within', missing: 'fill', form: 'rendered' },
  /** To tell a container, at the socket of its copy, what is in that. */
  answer: { action: 'box.answer', shows: 'contents', recorded: 'within', missing: 'fill', form: 'rendered' },
  /** To make a copy for a container. */
  mount: { action: 'box.mount', shows: 'contents', recorded: 'within', missing: 'fill', form: 'rendered' },
  /** The same, for a volume whose box may be missing: the copy is empty then. */
  mountIfThere: {
    action: 'box.mount',
    shows: 'contents',
    recorded: 'within',
    missing: 'nothing',
    form: 'rendered'
  }
} as const satisfies Readonly<Record<string, Rule>>

export type Purpose = keyof typeof purposes
type RuleOf<P extends Purpose> = (typeof purposes)[P]

/** What the gate is asked about. */
export type ResourceFor<P extends Purpose> = Resources[RuleOf<P>['action']]

/** What is opened for a purpose. It lasts until it was used: then it is zeroed. */
export type OpenedFor<P extends Purpose> = P extends Purpose
  ? | (RuleOf<P>['shows'] extends 'names' ? OpenedNames : OpenedVersion)
    | (RuleOf<P>['missing'] extends 'nothing' ? null : never)
  : never

/** Commits the entry, and writes with it; as a function where something in them is under a key of the vault, which may become another meanwhile. */
export type RecordOpening = (writes: readonly Write[] | (() => readonly Write[])) => Promise<void>

/** How the use records itself, for a purpose of which that is asked. */
export type RecordFor<P extends Purpose> = RuleOf<P>['recorded'] extends 'within' ? [RecordOpening] : []
