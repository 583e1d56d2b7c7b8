import type { Socket } from 'node:net'
import { isSecretboxError, quote, SecretboxError } from '../../base/errors.ts'
import type { BoxName, VolumeName } from '../../base/names.ts'
import { rootFor } from '../../base/process-identity.ts'
import { kindOfSecret } from '../../base/secret-kinds.ts'
import { shellOperand } from '../../base/shell-word.ts'
import { mayReadAll, type Reader } from '../../copies/ownership.ts'
import type { DescribedContainer } from '../../engine/describe.ts'
import { Denial } from '../../vault/access/denial.ts'
import type { Manifest } from '../../vault/boxes/manifest.ts'
import type { OpenedVersion } from '../../vault/opened-version.ts'
import { isMadeOf } from '../../volumes/origin.ts'
import type { Asked, ContainerApiParts } from './asked.ts'
import { objectOfMembers } from './json-members.ts'
import { variablesIn, volumesOfVariables } from './secret-environment.ts'
import { mostBytes, secretMountsIn, type MountedCopy } from './secret-mounts.ts'

/**
 * Opens what a copy was made of for who could read all of the copy where it lies, and for root of the container. A container
 * has processes of several users, and what it shows to them all need not be for each of them.
 */
function openFor<T>(
  { vault, isGranted }: ContainerApiParts,
  { caller, copy, record, reader }: Asked,
  find: () => Promise<DescribedContainer>,
  use: (opened: OpenedVersion, shown: Manifest, container: DescribedContainer) => Promise<T>
): Promise<T> {
  return vault.open(caller, 'answer', copy, record.version, async (opened, note) => {
    // Another box may have its name by now.
    if (record.version === null || !isMadeOf(record, opened)) throw notWhatWasMounted()
    const container = await find()
    if (opened.users !== null && !(await isGranted(container, copy.volume, opened.users)))
      throw mayNotUse(container, copy.box)
    const shown = opened.part(record.origin.path)
    if (!isRootIn(container, reader) && !mayReadAll(reader, shown.values(), record.origin))
      throw mayNotRead(reader, copy.volume)
    await note([])
    return use(opened, shown, container)
  })
}

function isRootIn({ pid }: DescribedContainer, { uid }: Reader): boolean {
  return uid === 0 || (pid !== null && uid === rootFor(pid))
}

/**
 * JSON of the files that the container was given: of the copy at whose socket it asks, and of those beside it whose owner asks, or root
 * of the container. Who else may read such a copy is not known: it may lie in a directory that is not for all. Variables have an answer of
 * their own.
 */
export async function secretMountsOf(
  parts: ContainerApiParts,
  asked: Asked,
  socket: Socket
): Promise<Buffer> {
  const { volume } = asked.copy
  const members: Buffer[] = []
  let spareBytes = mostBytes
  const add = async (copy: Asked, find: () => Promise<DescribedContainer>): Promise<DescribedContainer> =>
    openFor(parts, copy, find, async (opened, shown, container) => {
      const found = await secretMountsIn(opened, shown, mountedIn(container, copy), spareBytes)
      members.push(...found.members)
      spareBytes = found.spareBytes
      return container
    })
  try {
    const container = await add(asked, () => parts.findContainer(asked.copy))
    const others = new Set(container.targets.keys() as Iterable<VolumeName>)
    for (const known of [volume, ...volumesOfVariables(container)]) others.delete(known)
    for (const other of others) {
      const beside = await parts.askedBeside(socket, other)
      const [its, another] = beside.filter(
        ({ caller, record }) => caller.kind === 'container' && record.version !== null
      )
      // Of two copies of one volume nobody knows which is at which place.
      if (its === undefined || another !== undefined) continue
      if (!isRootIn(container, its.reader) && its.reader.uid !== its.record.origin?.uid) continue
      parts.spend(socket)
      await add(its, () => Promise.resolve(container)).catch(unlessLeftOut)
    }
    return objectOfMembers('secret_mounts', members)
  } finally {
    for (const member of members) member.fill(0)
  }
}

function mountedIn({ targets, places }: DescribedContainer, { copy, record, isFile }: Asked): MountedCopy {
  const own = targets.get(copy.volume) ?? []
  const others = places.filter(place => !own.includes(place))
  return { targets: own, isFile, others, kind: kindOfSecret(copy.box, record.origin?.path ?? '') }
}

const leftOut = ['denied', 'not_found', 'too_large', 'damaged', 'unavailable'] as const

/** A copy beside that cannot be told of is left out: nobody asked for it by itself, and the others are good. */
function unlessLeftOut(error: unknown): void {
  if (!leftOut.some(code => isSecretboxError(error, code))) throw error
}

/** JSON of the variables that the container was given, which lie in copies beside the one at whose socket it asks. */
export async function secretEnvironmentOf(
  parts: ContainerApiParts,
  { caller, copy }: Asked,
  socket: Socket
): Promise<Buffer> {
  const container = await parts.gate.run(caller, 'copy.describe', copy, async permit => {
    await permit.commit({}, [])
    return parts.findContainer(copy)
  })
  const members: Buffer[] = []
  try {
    for (const volume of volumesOfVariables(container)) {
      const beside = await parts.askedBeside(socket, volume)
      const its = beside.find(asked => asked.caller.kind === 'container')
      if (its === undefined) throw unknownVariables(volume)
      members.push(...(await openFor(parts, its, () => Promise.resolve(container), variablesIn)))
    }
    return objectOfMembers('secret_environment', members)
  } finally {
    for (const member of members) member.fill(0)
  }
}

function notWhatWasMounted(): SecretboxError {
  return new SecretboxError('not_found', 'the box that this copy was made of is not there any more', {
    hint: 'read the files from the copy'
  })
}

function mayNotUse({ id, name }: DescribedContainer, box: BoxName): Denial {
  return new Denial('denied', `container ${quote(name)} may not use box ${quote(box)}`, {
    hint: `see: docker vault grants ${shellOperand(box)}`,
    details: { container: id, containerName: name },
    containers: []
  })
}

function mayNotRead({ uid }: Reader, volume: VolumeName): Denial {
  return new Denial('denied', `uid ${uid} may not read all of the copy of volume ${quote(volume)}`, {
    hint: 'ask as the user whose the files are, or as root of the container',
    details: {},
    containers: []
  })
}

function unknownVariables(volume: VolumeName): SecretboxError {
  return new SecretboxError('unavailable', `the process does not see its copy of volume ${quote(volume)}`, {
    hint: 'read the variables from the environment'
  })
}
