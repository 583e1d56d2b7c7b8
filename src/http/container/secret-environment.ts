import { isUtf8 } from 'node:buffer'
import { posix } from 'node:path'
import { quote, SecretboxError } from '../../base/errors.ts'
import { jsonText } from '../../base/json-text.ts'
import type { VolumeName } from '../../base/names.ts'
import { mostEnvBytes, variablesDirectory } from '../../base/variables.ts'
import type { DescribedContainer } from '../../engine/describe.ts'
import type { Manifest } from '../../vault/boxes/manifest.ts'
import { readVariables, type Variable } from '../../vault/injected/env-file.ts'
import { readWhole, type OpenedVersion } from '../../vault/opened-version.ts'
import { joined } from '../../base/bytes.ts'

/** The volumes in which a container has files of variables (docs/environment.md), in the order in which these are read. */
export function volumesOfVariables({ targets }: Pick<DescribedContainer, 'targets'>): VolumeName[] {
  const found = [...targets].flatMap(([volume, places]) =>
    places
      .filter(place => posix.dirname(place) === variablesDirectory)
      .map(place => ({ volume: volume as VolumeName, index: Number(posix.basename(place)) }))
  )
  return found.sort((one, other) => one.index - other.index).map(({ volume }) => volume)
}

/**
 * The variables of the files that a copy shows, as members of a JSON object that the caller zeroes. Throws `conflict` for a value
 * that JSON cannot hold, `too_large`, and what `readVariables` and reading throw.
 */
export async function variablesIn(opened: Pick<OpenedVersion, 'read'>, shown: Manifest): Promise<Buffer[]> {
  const members: Buffer[] = []
  try {
    for (const [, entry] of shown) {
      if (entry.type !== 'file') continue
      if (entry.size > mostEnvBytes)
        throw new SecretboxError('too_large', `a file of variables has more than ${mostEnvBytes} bytes`)
      const bytes = await readWhole(opened, entry)
      const variables = readThenZeroed(bytes)
      try {
        for (const variable of variables) members.push(memberOf(variable))
      } finally {
        for (const { value } of variables) value.wipe()
      }
    }
    return members
  } catch (error) {
    for (const member of members) member.fill(0)
    throw error
  }
}

function readThenZeroed(bytes: Buffer): Variable[] {
  try {
    return readVariables(bytes)
  } finally {
    bytes.fill(0)
  }
}

function memberOf({ name, value }: Variable): Buffer {
  if (!isUtf8(value.bytes()))
    throw new SecretboxError(
      'conflict',
      `variable ${quote(name)} has a value that is no UTF-8, and JSON can hold no other`,
      { hint: 'read it from the environment' }
    )
  const text = jsonText(value.bytes())
  const member = joined([Buffer.from(`${JSON.stringify(name)}:`), text])
  text.fill(0)
  return member
}
