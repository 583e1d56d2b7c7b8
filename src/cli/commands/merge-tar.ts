import type { Cli } from '../declare/cli.ts'
import type { Body } from '../output/body.ts'
import type { Place } from '../client/address.ts'
import { startProgress } from '../output/progress.ts'
import { warnOfDangling } from '../client/warn-of-dangling.ts'

/**
 * Merges a tar into a directory of a box as one new version, and tells how far it is, what was not taken and which symlinks
 * lead nowhere. `tarFrom` makes the tar, of bytes that it counts.
 */
export async function mergeTar(
  cli: Cli,
  to: Place,
  tarFrom: (count: (bytes: Body) => AsyncIterable<Buffer>) => Body
): Promise<void> {
  const progress = startProgress(cli.stderr, `copying into "${to.box}"`)
  try {
    const change = await cli.api.addTree(
      to,
      tarFrom(bytes => progress.count(bytes))
    )
    cli.failEach(change.errors)
    warnOfDangling(cli, change, null)
  } finally {
    progress.end()
  }
}
