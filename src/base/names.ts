import { quote, SecretboxError } from './errors.ts'

declare const boxName: unique symbol
declare const filePath: unique symbol
declare const volumeName: unique symbol
declare const mountId: unique symbol

/** A box's name that was checked: 1–255 bytes of UTF-8 without `/`, `:`, control characters; not `.` or `..`. */
export type BoxName = string & { readonly [boxName]: true }
/** A path inside a box that was checked: `a/b/c`, no empty, `.` or `..` component. `''` is the box's root. */
export type FilePath = string & { readonly [filePath]: true }
/** A volume's name that was checked, by the rule of box names. */
export type VolumeName = string & { readonly [volumeName]: true }
/** The Engine's name for one container's use of a volume, safe as a directory's name. */
export type MountId = string & { readonly [mountId]: true }

/** The longest path in a box. Linux takes one byte less (`PATH_MAX`, which counts a closing NUL). */
export const maxPathBytes = 4096
/** Linux: `NAME_MAX`. */
export const maxComponentBytes = 255

function hasControlCharacter(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (unit < 0x20 || unit === 0x7f) return true
  }
  return false
}

function whyNotName(text: string): string | null {
  if (text === '') return 'it is empty'
  if (text === '.' || text === '..') return '"." and ".." are not names'
  if (text.includes('/')) return 'it contains "/"'
  if (text.includes(':')) return 'it contains ":"'
  if (hasControlCharacter(text)) return 'it contains a control character'
  if (!text.isWellFormed()) return 'it is not valid Unicode'
  if (Buffer.byteLength(text) > maxComponentBytes) return `it is longer than ${maxComponentBytes} bytes`
  return null
}

const nameRule = `a name is 1 to ${maxComponentBytes} bytes of UTF-8 without "/", ":" or control characters`

/** Checks a box's name. Throws `invalid` that says what is wrong and what a name is. */
export function parseBoxName(text: string): BoxName {
  const reason = whyNotName(text)
  if (reason !== null)
    throw new SecretboxError('invalid', `bad box name ${quote(text)}: ${reason}`, { hint: nameRule })
  return text as BoxName
}

/** What a glob of boxes has in it for this text itself: `\*` a star, `\\` a backslash. */
export function asGlob(text: string): string {
  return text.replaceAll(/[\\*]/g, '\\$&')
}

/** Checks a volume's name; the Engine itself checks nothing for drivers that are not "local". Throws `invalid`. */
export function parseVolumeName(text: string): VolumeName {
  const reason = whyNotName(text)
  if (reason !== null) {
    throw new SecretboxError('invalid', `bad volume name ${quote(text)}: ${reason}`, { hint: nameRule })
  }
  return text as VolumeName
}

/**
 * Makes a path of a box out of what a user wrote: `/a/b`, `a//b/.`, `../a/b` all mean `a/b`, because the box
 * is the root and nothing is above it. Throws `invalid` for NUL, bad Unicode or
 * components and paths that Linux would not take.
 */
export function parseFilePath(text: string): FilePath {
  const refuse = (reason: string): never => {
    throw new SecretboxError('invalid', `bad path ${quote(text)}: ${reason}`)
  }
  if (text.includes('\0')) refuse('it contains a NUL byte')
  if (!text.isWellFormed()) refuse('it is not valid Unicode')
  const components: string[] = []
  for (const component of text.split('/')) {
    if (component === '' || component === '.') continue
    if (component === '..') components.pop()
    else if (Buffer.byteLength(component) > maxComponentBytes) {
      refuse(`a component is longer than ${maxComponentBytes} bytes`)
    } else components.push(component)
  }
  const path = components.join('/')
  if (Buffer.byteLength(path) > maxPathBytes) refuse(`it is longer than ${maxPathBytes} bytes`)
  return path as FilePath
}

/** Checks the target of a symlink, which is kept verbatim: 1 to 4095 bytes (Linux, symlink(2)), no NUL. Throws `invalid`. */
export function parseLinkTarget(text: string): string {
  const bytes = Buffer.byteLength(text)
  if (bytes === 0 || bytes >= maxPathBytes || text.includes('\0') || !text.isWellFormed()) {
    throw new SecretboxError(
      'invalid',
      `bad symlink target ${quote(text)}: a target is 1 to ${maxPathBytes - 1} bytes of UTF-8 without NUL`
    )
  }
  return text
}

/** True for the name of an anonymous volume: the Engine makes it of 32 random bytes (moby, volume/service). */
export function isAnonymousVolume(name: string): boolean {
  return /^[0-9a-f]{64}$/.test(name)
}

/** True for a mount ID. The Engine sends 64 hex digits; anything that is a plain file name is taken. */
export function isMountId(text: string): text is MountId {
  return /^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,127}$/.test(text)
}

/** Checks a mount ID. Throws `invalid`. */
export function parseMountId(text: string): MountId {
  if (!isMountId(text)) {
    throw new SecretboxError(
      'invalid',
      `bad mount ID ${quote(text)}: an ID is 1 to 128 letters, digits, "_", "-" or "."`
    )
  }
  return text
}

/**
 * How the names of boxes begin that may go with a volume, as those do that `--inject-dir` makes: the volume option
 * cannot take a box that was meant to stay.
 */
export const ephemeralPrefix = 'ephemeral-'

/** True for the name of a box that was made for one container (src/cli/inject/ephemeral.ts): 16 random bytes, which nobody guesses. */
export function isEphemeralBox(name: string): boolean {
  return /^ephemeral-[0-9a-f]{32}$/.test(name)
}

/** The path's parent, or null for the root. */
export function parentOf(path: FilePath): FilePath | null {
  if (path === '') return null
  const slash = path.lastIndexOf('/')
  return (slash === -1 ? '' : path.slice(0, slash)) as FilePath
}

/** `parent/name` of two checked parts. */
export function childOf(parent: FilePath, name: string): FilePath {
  return (parent === '' ? name : `${parent}/${name}`) as FilePath
}

/** A public key as age writes it: X25519, in Bech32 (age-encryption.org/v1). */
export const ageRecipient = /^age1[02-9ac-hj-np-z]{58}$/

/** What a container may be called (moby, daemon/names), which is also what an ID looks like. */
export const containerName = /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,254}$/

/** What a keyslot may be called. */
export const slotName = /^[a-z0-9][a-z0-9._-]{0,63}$/
