import type { SecretboxError } from '../../base/errors.ts'
import type { Place } from './address.ts'
import type { Api } from './api.ts'
import type { Speaker } from '../output/streams.ts'
import type { OperatorFile } from '../files/operator-files.ts'
import { startProgress } from '../output/progress.ts'
import { BrokenFile, tarOfFiles } from '../files/tar-out.ts'
import { warnOfDangling } from './warn-of-dangling.ts'

const followHint = '-L stores what symlinks lead to in their place'

/**
 * Sends files into a directory of a box as one new version. What cannot be read, or what the daemon does not take, is
 * reported one by one; the rest is added. No files, no version.
 */
export async function upload(
  cli: Speaker & { readonly api: Api },
  to: Place,
  files: readonly OperatorFile[],
  danglingHint = followHint
): Promise<void> {
  const left = new Set(files)
  const leaveOut = (file: OperatorFile, reason: SecretboxError) => {
    left.delete(file)
    cli.fail(reason)
  }
  while (left.size > 0) {
    const progress = startProgress(cli.stderr, `adding to "${to.box}"`)
    try {
      const change = await cli.api.addTree(to, progress.count(tarOfFiles([...left], leaveOut)))
      cli.failEach(change.errors)
      warnOfDangling(cli, change, danglingHint)
      return
    } catch (error) {
      // The daemon keeps nothing of an upload that breaks off: the others go again without this one.
      if (!(error instanceof BrokenFile)) throw error
      leaveOut(error.file, error.reason)
    } finally {
      progress.end()
    }
  }
}
