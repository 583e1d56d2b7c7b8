import { maxId } from '../../base/user-ids.ts'
import { quote, SecretboxError } from '../../base/errors.ts'
import { coversGlob, type Glob } from './glob.ts'
import { coversReference, whyNoReference } from './image-reference.ts'

/*
 * Whom a grant is for. Text is read into a typed value once, where it comes in: from the API, the command line or the
 * store. People are known by numbers, as the kernel tells them of whoever connects (SO_PEERCRED, SO_PEERGROUPS); the command
 * line looks names up. Containers are known by what the Engine says of them.
 */

/** A person, or all who are in a group. */
export type PersonSubject =
  { readonly kind: 'user'; readonly uid: number } | { readonly kind: 'group'; readonly gid: number }

/** A container, by one thing that is so of it. */
export type ContainerSubject =
  /** Its image's reference as it was given when the container was made, by a glob of references: `postgres:*`. */
  | { readonly kind: 'image'; readonly reference: string }
  /** Its image's contents: the image's ID, or what a registry calls it (RepoDigest), there under this name if one is given. */
  | { readonly kind: 'digest'; readonly repository: string | null; readonly digest: string }
  /** Compose made it, for a service of a project, or for any service of it. */
  | { readonly kind: 'compose'; readonly project: string; readonly service: string | null }
  | { readonly kind: 'label'; readonly name: string; readonly value: string }
  /** Its name, by a glob. `container:*` is any container, also one whose name is not known. */
  | { readonly kind: 'container'; readonly name: Glob }

export type Subject = PersonSubject | ContainerSubject

export function isPerson(subject: Subject): subject is PersonSubject {
  return subject.kind === 'user' || subject.kind === 'group'
}

/** True for `container:*`. */
export function isAnyContainer(subject: Subject): boolean {
  return (
    subject.kind === 'container' &&
    subject.name.literals.every(literal => literal === '') &&
    subject.name.literals.length > 1
  )
}

const subjectRule =
  'a subject is user:UID, group:GID, image:REFERENCE or image:sha256:…, compose:PROJECT[/SERVICE], label:NAME=VALUE or container:NAME'

/** The most bytes of what follows the kind. */
const maxBytes = 1024

/** Reads `user:1000`, `image:postgres:*` and so on. Throws `invalid` that says what is wrong and what a subject is. */
export function parseSubject(text: string): Subject {
  const colon = text.indexOf(':')
  const [kind, what] = [text.slice(0, colon), text.slice(colon + 1)]
  const refuse = (reason: string): never => {
    throw new SecretboxError('invalid', `bad subject ${quote(text)}: ${reason}`, { hint: subjectRule })
  }
  if (colon === -1) refuse('it has no colon')
  if (!Object.hasOwn(readers, kind)) refuse(`there is no kind ${quote(kind)}`)
  if (what === '') refuse('nothing follows the colon')
  if (Buffer.byteLength(what) > maxBytes) refuse(`it is longer than ${maxBytes} bytes`)
  if (/\p{Cc}/u.test(what) || !what.isWellFormed())
    refuse('it contains a control character, or is no Unicode')
  const { read, rule } = readers[kind as keyof typeof readers]
  const subject = read(what) ?? refuse(rule)
  return typeof subject === 'string' ? refuse(subject) : subject
}

interface Reader {
  /** Null for what is not right; a reason where there is more to say than the rule. */
  readonly read: (what: string) => Subject | string | null
  readonly rule: string
}

const readers = {
  user: {
    read: what => numbered(what, uid => ({ kind: 'user', uid })),
    rule: 'a user is a number, 0 to 4294967294'
  },
  group: {
    read: what => numbered(what, gid => ({ kind: 'group', gid })),
    rule: 'a group is a number, 0 to 4294967294'
  },
  image: {
    read: imageOf,
    rule: 'an image is a reference without blanks, or a digest: sha256: and 64 hexadecimal digits'
  },
  compose: {
    read: composeOf,
    rule: 'a project is small letters, digits, "_" and "-"; a service, behind "/", also capital letters and "."'
  },
  label: { read: labelOf, rule: 'a label is NAME=VALUE' },
  container: {
    read: what => (/^[a-zA-Z\d*][\w.*-]*$/.test(what) ? { kind: 'container', name: globIn(what) } : null),
    rule: 'a name is letters, digits, "_", "-" and ".", and begins with a letter or digit; "*" is any number of them'
  }
} as const satisfies Readonly<Record<string, Reader>>

function numbered<S>(what: string, make: (id: number) => S): S | null {
  const id = Number(what)
  return /^(0|[1-9]\d{0,9})$/.test(what) && id <= maxId ? make(id) : null
}

/** What no container's image can be called is refused: it would match none, without a word. */
function imageOf(what: string): Subject | string | null {
  // Older Engines begin an ID so, and a registry's digest: hash functions that nobody uses are none here.
  const [, repository, digest] = /^(?:([^@]*)@)?(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/.exec(what) ?? []
  if (digest !== undefined) {
    if (repository === '' || repository?.includes('*')) return null
    return (
      (repository === undefined ? null : whyNoReference(repository)) ?? {
        ...{ kind: 'digest', repository: repository ?? null, digest }
      }
    )
  }
  if (/[\s@]/.test(what) || /^sha(256|512):/.test(what)) return null
  // As many digits as "docker images" shows, or all: docker takes no name for what is 64 of them.
  if (/^[0-9a-f]{12,64}$/.test(what))
    return 'it looks like an ID: that is sha256: and all 64 digits, as "docker vault approve" finds them'
  return whyNoReference(what) ?? { kind: 'image', reference: what.replaceAll(/\*{3,}/g, '**') }
}

/** Compose makes the name of a project of these alone (compose-spec, 04-version-and-name.md). */
function composeOf(what: string): Subject | null {
  const [, project, service] = /^([a-z\d_-]+)(?:\/([\w.-]+))?$/.exec(what) ?? []
  return project === undefined ? null : { kind: 'compose', project, service: service ?? null }
}

function labelOf(what: string): Subject | null {
  const equals = what.indexOf('=')
  return equals < 1 ? null : { kind: 'label', name: what.slice(0, equals), value: what.slice(equals + 1) }
}

/** Names of containers have no star of their own. */
function globIn(text: string): Glob {
  return { literals: text.replaceAll(/\*+/g, '*').split('*') }
}

/** The one way to write a subject, which `parseSubject` reads again. */
export function printSubject(subject: Subject): string {
  switch (subject.kind) {
    case 'user':
      return `user:${subject.uid}`
    case 'group':
      return `group:${subject.gid}`
    case 'image':
      return `image:${subject.reference}`
    case 'digest':
      return `image:${subject.repository === null ? '' : `${subject.repository}@`}${subject.digest}`
    case 'compose':
      return `compose:${subject.project}${subject.service === null ? '' : `/${subject.service}`}`
    case 'label':
      return `label:${subject.name}=${subject.value}`
    case 'container':
      return `container:${subject.name.literals.join('*')}`
  }
}

/** Whether what is granted to the wide subject is granted to all that the narrow one can stand for, as far as their texts tell. */
export function coversSubject(wide: Subject, narrow: Subject): boolean {
  if (isAnyContainer(wide)) return !isPerson(narrow)
  if (wide.kind === 'image' && narrow.kind === 'image')
    return coversReference(wide.reference, narrow.reference)
  if (wide.kind === 'container' && narrow.kind === 'container') return coversGlob(wide.name, narrow.name)
  if (wide.kind === 'compose' && narrow.kind === 'compose')
    return wide.project === narrow.project && (wide.service === null || wide.service === narrow.service)
  if (wide.kind === 'digest' && narrow.kind === 'digest')
    return (
      wide.digest === narrow.digest && (wide.repository === null || wide.repository === narrow.repository)
    )
  return printSubject(wide) === printSubject(narrow)
}
