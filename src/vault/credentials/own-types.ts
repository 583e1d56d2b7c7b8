import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { errnoOf, quote, reasonOf, SecretboxError } from '../../base/errors.ts'
import { readType } from './form.ts'
import type { CredentialType } from './type.ts'

const ending = '.json'
const mostBytes = 256 << 10

/**
 * The operator's own types, a file of JSON for each, `NAME.json`. They are read anew each time: one that was changed counts from
 * then on. The directory need not be there.
 */
export interface OwnTypes {
  /** The names of those that there are, whatever is in their files. */
  names(): Promise<string[]>
  /** Null when there is none of that name. Throws `invalid` that says what is wrong with it. */
  read(name: string): Promise<CredentialType | null>
}

export function ownTypesIn(directory: string): OwnTypes {
  return {
    async names() {
      try {
        const files = await readdir(directory)
        return files.filter(file => file.endsWith(ending)).map(file => file.slice(0, -ending.length))
      } catch (error) {
        if (errnoOf(error) === 'ENOENT') return []
        throw unreadable(directory, error)
      }
    },
    async read(name) {
      // No name of a type has a slash: nothing else than a file of the directory is read.
      if (!/^[a-z][a-z0-9-]*$/.test(name)) return null
      const file = join(directory, name + ending)
      let text: string
      try {
        // Neither a FIFO, which would have to be waited for, nor anything that fills the memory.
        const stats = await stat(file)
        if (!stats.isFile() || stats.size > mostBytes)
          throw new SecretboxError('invalid', `bad type ${quote(name)}: ${quote(file)} is no file of JSON`)
        text = await readFile(file, 'utf8')
      } catch (error) {
        if (errnoOf(error) === 'ENOENT') return null
        throw error instanceof SecretboxError ? error : unreadable(file, error)
      }
      return readType(name, 'own', parsed(name, text))
    }
  }
}

function parsed(name: string, text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new SecretboxError('invalid', `bad type ${quote(name)}: ${(error as Error).message}`)
  }
}

function unreadable(path: string, error: unknown): SecretboxError {
  return new SecretboxError('unavailable', `cannot read ${quote(path)}: ${reasonOf(error)}`)
}
