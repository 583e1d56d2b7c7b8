import { ephemeralPrefix } from '../../base/names.ts'
import { SecretboxError } from '../../base/errors.ts'
import type { Api } from './api.ts'
import type { Output } from '../output/streams.ts'
import { errorLines } from '../output/failure.ts'

/** What a shell says of a program that Ctrl-C ended (128 and the signal's number). */
const interruptedCode = 130

/**
 * The API, with a word when Ctrl-C comes while a tree is sent. The boxes of `--inject-dir` are left out: whoever makes
 * these takes them away again.
 */
export function interruptible(api: Api, stderr: Output): Api {
  return {
    ...api,
    async addTree(to, tar) {
      if (to.box.startsWith(ephemeralPrefix)) return api.addTree(to, tar)
      const interrupted = (): void => {
        // The daemon keeps nothing of an upload that breaks off.
        const error = new SecretboxError('invalid', `interrupted: nothing was added to "${to.box}"`, {
          hint: 'if it was just about to be done, it may have been; see: docker vault versions'
        })
        stderr.write(`\n${errorLines(error)}`)
        process.exit(interruptedCode)
      }
      process.once('SIGINT', interrupted)
      try {
        return await api.addTree(to, tar)
      } finally {
        process.off('SIGINT', interrupted)
      }
    }
  }
}
