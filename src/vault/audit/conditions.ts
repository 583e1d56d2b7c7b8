import type { BoxName } from '../../base/names.ts'
import type { Caller } from '../access/authority.ts'
import { includesBox, parseBoxPattern } from '../access/box-pattern.ts'
import type { AuditEntry } from './records.ts'

/** What entries must be like to be shown: all of what is given. */
export interface AuditConditions {
  /** About one of these; none is about any. */
  readonly boxes?: readonly BoxName[]
  readonly action?: string
  /** A user by number, or a kind of caller that is no user. */
  readonly caller?: number | Exclude<Caller['kind'], 'user'>
  /** A container by its name, or by its ID from the beginning on. */
  readonly container?: string
  /** Only what was denied. */
  readonly denied?: boolean
  /** RFC 3339; those from the first on that is not older. */
  readonly since?: string
  /** RFC 3339; those that are older. */
  readonly until?: string
}

/** Fewer digits are more likely the name of a container than the beginning of its ID. */
const fewestDigits = 4

/** Whether anything is asked of entries. */
export function isConditional({ boxes, denied, ...others }: AuditConditions): boolean {
  const { action, caller, container, since, until } = others
  const given = [action, caller, container, since, until].some(each => each !== undefined)
  return given || denied === true || (boxes !== undefined && boxes.length > 0)
}

/** Whether an entry is like that. */
export function fits(entry: AuditEntry, conditions: AuditConditions): boolean {
  const { boxes = [], action, caller, container, denied, since, until } = conditions
  return (
    (boxes.length === 0 || boxes.some(box => isAbout(entry, box))) &&
    (action === undefined || entry.action === action) &&
    (caller === undefined || isBy(entry, caller)) &&
    (container === undefined || isOf(entry, container)) &&
    (denied !== true || entry.decision === 'denied') &&
    (since === undefined || entry.time >= since) &&
    (until === undefined || entry.time < until)
  )
}

/** A grant of many boxes is about each. */
function isAbout({ box: named, newName, boxes }: AuditEntry, box: BoxName): boolean {
  return named === box || newName === box || (boxes !== undefined && includesBox(parseBoxPattern(boxes), box))
}

/** The users of a container are others than those of the host, whatever their numbers. */
function isBy({ caller }: AuditEntry, by: number | string): boolean {
  return typeof by === 'number' ? caller.kind === 'user' && caller.uid === by : caller.kind === by
}

function isOf({ container, containerName }: AuditEntry, asked: string): boolean {
  if (containerName === asked) return true
  return asked.length >= fewestDigits && container?.startsWith(asked) === true
}
