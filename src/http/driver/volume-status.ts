import { isSecretboxError } from '../../base/errors.ts'
import type { Sealing } from '../../crypto/keyslots/sealing.ts'
import type { CopyRecord, Volume } from '../../volumes/records.ts'
import type { KnownVolume } from '../../volumes/volumes.ts'

export interface StatusParts {
  readonly copyRecordsOf: (volume: Volume['name']) => Promise<CopyRecord[]>
  readonly sealing: Sealing
}

/** A volume as `Get` answers. It names no Mountpoint: the one that counts is in Mount's reply (Engine fact 4). */
export async function describeVolume(
  parts: StatusParts,
  { name, volume, trouble }: KnownVolume
): Promise<Record<string, unknown>> {
  return {
    ...listedVolume({ name, volume }),
    Status: {
      ...(trouble === null ? {} : { Error: trouble }),
      ...(volume === null ? {} : await volumeStatus(parts, volume))
    }
  }
}

/** A volume as `List` answers. */
export function listedVolume({
  name,
  volume
}: Pick<KnownVolume, 'name' | 'volume'>): Record<string, unknown> {
  return { Name: name, ...(volume === null ? {} : { CreatedAt: volume.created }) }
}

/** What `docker volume inspect` shows: never contents, and never an error, in whatever state the vault is. */
async function volumeStatus(parts: StatusParts, { name, options }: Volume): Promise<Record<string, unknown>> {
  const { box, version, path, file, uid, gid, mode, dirmode, rw, optional, ephemeral, transient, api } =
    options
  const copies = await parts.copyRecordsOf(name).catch((error: unknown) => {
    if (!isSecretboxError(error)) throw error
    return []
  })
  const reason = parts.sealing.reason()
  return {
    Box: box,
    Version: version ?? 'newest',
    ...(path === '' ? {} : { Path: path }),
    ...(file ? { File: true } : {}),
    Owner: `${uid}:${gid}`,
    ...(mode === null ? {} : { Mode: octal(mode) }),
    ...(dirmode === null ? {} : { Dirmode: octal(dirmode) }),
    Access: rw ? 'rw' : 'ro',
    ...(optional ? { Optional: true } : {}),
    ...(ephemeral ? { Ephemeral: true } : {}),
    ...(transient ? { Transient: true } : {}),
    ...(api ? { Api: true } : {}),
    ...(reason === null ? {} : { Sealed: reason }),
    Copies: copies.map(copy => ({
      Mount: copy.mount,
      Version: copy.version,
      Created: copy.created,
      ...(copy.container === null
        ? {}
        : { Container: copy.container.id, ContainerName: copy.container.name, Image: copy.container.image })
    }))
  }
}

function octal(mode: number): string {
  return mode.toString(8).padStart(4, '0')
}
