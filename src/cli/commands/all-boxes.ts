import { quote, SecretboxError } from '../../base/errors.ts'
import { notWhatWasWritten } from '../../base/messages.ts'
import type { BoxSummary } from '../../api/boxes.ts'
import type { BoxListOptions } from '../client/api.ts'
import type { Cli } from '../declare/cli.ts'

/** All boxes; says on stderr, and by the exit status, of records that are none any more. */
export async function readableBoxes(cli: Cli, options: BoxListOptions = {}): Promise<readonly BoxSummary[]> {
  const { boxes, damaged } = await cli.api.boxesAndDamaged(options)
  for (const key of damaged.slice(0, mostNamed)) {
    cli.fail(
      new SecretboxError('damaged', notWhatWasWritten(`the record ${quote(key)} of a box`), {
        hint: 'restore the store from a backup, or destroy the box that is missing here'
      })
    )
  }
  if (damaged.length > mostNamed) {
    const more = `${damaged.length - mostNamed} more records of boxes are not what was written`
    cli.fail(new SecretboxError('damaged', more))
  }
  return boxes
}

const mostNamed = 5
