import type { Grant } from '../../api/grants.ts'
import { coversBoxes, parseBoxPattern, type BoxPattern } from '../../vault/access/box-pattern.ts'
import { shellOperand } from '../../base/shell-word.ts'
import type { Cli } from '../declare/cli.ts'
import { nullIfDenied } from '../inject/may-use.ts'

/**
 * Says which grants on these boxes stay that somebody made who cannot make them any more: they may be just what others need, or what
 * that one has kept a way in by.
 */
export async function tellWhatStays(cli: Cli, uid: number, boxes: BoxPattern): Promise<void> {
  // What root grants does not hang on what root was granted.
  if (uid === 0) return
  const all = await cli.api.grants(boxes.name ?? undefined).catch(nullIfDenied)
  const made = all?.grants.filter(
    grant => grant.by === uid && coversBoxes(boxes, parseBoxPattern(grant.boxes))
  )
  if (made === undefined || made.length === 0) return
  cli.note(`warning: ${numbered(made)} by uid ${uid} stay${made.length === 1 ? 's' : ''}`)
  cli.note(
    `hint: ${cli.name} grants${boxes.name === null ? '' : ` ${shellOperand(boxes.name)}`} lists them, ${cli.name} revoke takes them back`
  )
}

function numbered({ length }: readonly Grant[]): string {
  return length === 1 ? 'a grant that was made' : `${length} grants that were made`
}
