import { quote, SecretboxError } from '../../base/errors.ts'
import { splitAt } from '../input/split-at.ts'
import type { Cli } from '../declare/cli.ts'
import type { ImageConfig } from './find-image.ts'
import { withImageFiles } from './image-files.ts'

/** Somebody in a container, by the container's own numbers. */
export interface Owner {
  readonly uid: number
  readonly gid: number
}

/** Linux: (uid_t)-1 means "do not change". */
const maxId = 0xffff_fffe

/**
 * Whom `USER[:GROUP]` names, as the Engine reads it (moby/sys/user, GetExecUser), as far as that takes no file of the image; null when it
 * does. A number without a group is not looked up: of its own files its group opens nothing more to it.
 */
export function ownerInNumbers(user: string): Owner | null {
  const [name, group] = splitAt(user, user.indexOf(':'))
  const numberOf = (text: string) => (text === '' || text === 'root' ? 0 : idIn(text))
  const [uid, gid] = [numberOf(name), numberOf(group)]
  return uid === null || gid === null ? null : { uid, gid }
}

/**
 * Whom `USER[:GROUP]` names, by the texts of an image's /etc/passwd and /etc/group: the first line that has the name or
 * the number. Null when no line does.
 */
export function ownerInFiles(user: string, passwd: string, group: string): Owner | null {
  const [userName, groupName] = splitAt(user, user.indexOf(':'))
  const entry = lineOf(passwd, userName === '' ? '0' : userName)
  const uid = idIn(entry?.[2] ?? userName)
  if (uid === null) return null
  if (groupName === '') return { uid, gid: idIn(entry?.[3] ?? '0') ?? 0 }
  const gid = idIn(lineOf(group, groupName)?.[2] ?? groupName)
  return gid === null ? null : { uid, gid }
}

function lineOf(text: string, wanted: string): string[] | undefined {
  return text
    .split('\n')
    .map(line => line.trim().split(':'))
    .find(([name, , id]) => name === wanted || (id === wanted && idIn(wanted) !== null))
}

function idIn(text: string): number | null {
  const id = /^\d{1,10}$/.test(text) ? Number(text) : NaN
  return id <= maxId ? id : null
}

/** Where the user of a container is named. */
export interface NamedUser {
  readonly image: string
  /** Null when the Engine does not have it. */
  readonly found: ImageConfig | null
  readonly platform: string | null
  /** What `--user` says; null or empty: what the image says. */
  readonly given: string | null
}

/** As whom a container runs. Throws `invalid` when the image does not say who that is, with what to give instead. */
export async function containerUser(
  cli: Pick<Cli, 'env' | 'docker'>,
  { image, found, platform, given }: NamedUser
): Promise<Owner> {
  const user = given || (found?.user ?? '')
  const owner = ownerInNumbers(user)
  if (owner !== null) return owner
  // docker itself will say that there is no such image.
  if (found === null) return { uid: 0, gid: 0 }
  const inFiles = await withImageFiles(cli, image, found, platform, async files => {
    const [passwd, group] = [await files.read('/etc/passwd'), await files.read('/etc/group')]
    return ownerInFiles(user, passwd?.toString() ?? '', group?.toString() ?? '')
  })
  if (inFiles !== null) return inFiles
  throw new SecretboxError(
    'invalid',
    `cannot tell who ${quote(user)} is: image ${quote(image)} has no such name in /etc/passwd and /etc/group`,
    { hint: 'give the numbers: --user UID:GID, or --inject BOX,uid=UID,gid=GID' }
  )
}
