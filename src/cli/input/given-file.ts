import { fstatSync, ReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { quote, reasonOf, SecretboxError } from '../../base/errors.ts'
import type { Input } from '../output/streams.ts'
import { argumentsAreSeen, refuseContents } from './refuse-contents.ts'
import { piecesOfDescriptor, piecesOfFile } from './file-pieces.ts'

/** What is given to be read once. The pieces belong to who reads them. */
export interface GivenFile {
  readonly body: AsyncIterable<Buffer>
  /** How much it is, where that is known before. */
  readonly bytes: number | null
}

/** Throws `invalid` for a directory. */
export function standardInput(stdin: Input): GivenFile {
  // Node takes a directory for an empty stream.
  if (fstatSync(0).isDirectory())
    throw new SecretboxError('invalid', 'cannot read standard input: it is a directory')
  return { body: stdin instanceof ReadStream ? piecesOfDescriptor(0) : stdin, bytes: null }
}

/**
 * The file of the operator's that a flag names. Throws `invalid` that says why it cannot be read, and `UsageError` for what is no name of one but its
 * contents, which `instead` says how to give; `ofDirectory`: what to do with a directory.
 */
export async function givenFile(
  path: string,
  { flag, instead, ofDirectory }: { flag: string; instead: string; ofDirectory?: string }
): Promise<GivenFile> {
  try {
    const file = await open(path)
    const stats = await file.stat()
    if (!stats.isDirectory()) return { body: piecesOfFile(file), bytes: stats.isFile() ? stats.size : null }
    await file.close()
  } catch (error) {
    refuseContents(path, `${flag} takes a file`, `${argumentsAreSeen}: ${instead}`)
    throw new SecretboxError('invalid', `cannot read ${quote(path)}: ${reasonOf(error)}`)
  }
  throw new SecretboxError('invalid', `cannot read ${quote(path)}: it is a directory`, {
    ...(ofDirectory === undefined ? {} : { hint: ofDirectory })
  })
}
