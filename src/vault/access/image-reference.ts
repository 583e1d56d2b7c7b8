import { newBytes } from '../../base/secret.ts'

/*
 * References of images as docker reads them (distribution/reference, normalize.go): `nginx` is
 * `docker.io/library/nginx:latest`, and what comes before the first slash is a registry if it has a dot, a colon or a capital
 * letter, or is `localhost`.
 */

const officialRegistry = 'docker.io/'
const officialRepository = 'library/'
const usualTag = 'latest'

/** What a reference names: `docker.io/library/nginx` and `1.25`, which is empty for one that has a digest instead. */
export interface ImageName {
  readonly repository: string
  readonly tag: string
}

/** Reads a reference that an Engine took. What it has of a digest does not count: that is no name. */
export function imageName(reference: string): ImageName {
  const [named = '', digest] = reference.split('@', 2)
  const { repository, tag } = splitTag(named)
  return { repository: fullRepository(repository), tag: tag ?? (digest === undefined ? usualTag : '') }
}

/**
 * Whether a reference is one of a glob of references, both in full: `*` is any number of characters within one component of
 * the path, `**` any number of any, as sigstore's policies have it.
 */
export function matchesReference(glob: string, reference: string): boolean {
  const { repository, tag } = imageName(reference)
  return matches(fullGlob(glob), `${repository}:${tag}`)
}

/** More than anybody needs to say which images are meant: for each the time that a decision takes grows. */
const mostStars = 8

/**
 * Why no reference is one of a glob of them, in words that go on after a colon; null where there can be some. By the grammar
 * of distribution/reference (regexp.go), as far as people get it wrong.
 */
export function whyNoReference(glob: string): string | null {
  const { repository, tag } = splitTag(glob)
  if (/^[a-z]+:\/\//i.test(glob)) return 'a reference has no scheme, such as https://'
  if (tag !== null && !/^[\w*][\w.*-]{0,127}$/.test(tag))
    return 'behind the colon comes a tag, of letters, digits, "_", "." and "-"'
  const parts = repository.split('/')
  const path = hasRegistry(repository) || parts[0]?.includes('*') === true ? parts.slice(1) : parts
  if ((glob.match(stars) ?? []).length > mostStars) return `it has more than ${mostStars} stars`
  if (parts.includes('')) return 'there is nothing before, behind or between its slashes'
  if (path.some(part => /[A-Z]/.test(part))) return 'docker knows no image with a capital letter in its name'
  // A part of one star stands for parts of any kind, those of a registry among them.
  if (!path.every(part => /^[a-z\d*]([a-z\d._*-]*[a-z\d*])?$/.test(part)))
    return 'a name is small letters and digits, with ".", "_" and "-" between them'
  return null
}

/** What no reference has in it: what a star of the narrow glob stands for, one of the wide one must, too. */
const [inComponent, anything] = ['\0', '\x01'] as const

/** Whether the wide glob matches whatever the narrow one does. */
export function coversReference(wide: string, narrow: string): boolean {
  const text = fullGlob(narrow).replaceAll(stars, star => (star === '*' ? inComponent : anything))
  return matches(fullGlob(wide), text)
}

const stars = /\*+/g

/** Takes time in proportion to the text's length for each star, of which a glob has `mostStars` and those that end it in full. */
function matches(glob: string, text: string): boolean {
  const [first = '', ...pieces] = glob.split(/(\*+)/)
  if (!text.startsWith(first)) return false
  /** Where in the text what was read of the glob can end. */
  let ends: Uint8Array = newBytes(text.length + 1)
  let next: Uint8Array = newBytes(text.length + 1)
  const isBarrier = newBytes(text.length)
  for (let at = 0; at < text.length; at++) isBarrier[at] = text[at] === '/' || text[at] === anything ? 1 : 0
  ends[first.length] = 1
  for (const piece of pieces) {
    if (piece.startsWith('*')) passStar(ends, piece === '*' ? isBarrier : null)
    else {
      if (!passText(ends, next, text, piece)) return false
      ;[ends, next] = [next, ends]
    }
  }
  return ends[text.length] === 1
}

function passStar(ends: Uint8Array, isBarrier: Uint8Array | null): void {
  let isWithin = 0
  for (let at = 0; at < ends.length; at++) {
    isWithin |= ends[at] ?? 0
    ends[at] = isWithin
    if (isBarrier?.[at] === 1) isWithin = 0
  }
}

/** False when the piece is nowhere where it could be. */
function passText(ends: Uint8Array, next: Uint8Array, text: string, piece: string): boolean {
  let isThere = false
  next.fill(0)
  for (let at = 0; at + piece.length <= text.length; at++) {
    if (ends[at] !== 1 || !text.startsWith(piece, at)) continue
    next[at + piece.length] = 1
    isThere = true
  }
  return isThere
}

/**
 * A glob in full: as docker does it, a registry is added to what has none, unless it begins with `**`, and `latest` to what
 * has neither a tag nor a star at its end.
 */
function fullGlob(glob: string): string {
  const { repository, tag } = splitTag(glob)
  const full = glob.startsWith('**') ? repository : fullRepository(repository)
  const suffix = tag === null ? (glob.endsWith('*') ? '' : `:${usualTag}`) : `:${tag}`
  return full + suffix
}

/** A colon before the last slash is that of a registry's port. */
function splitTag(named: string): { repository: string; tag: string | null } {
  const colon = named.indexOf(':', named.lastIndexOf('/') + 1)
  if (colon === -1) return { repository: named, tag: null }
  return { repository: named.slice(0, colon), tag: named.slice(colon + 1) }
}

/** Whether what comes before the first slash is one. */
function hasRegistry(repository: string): boolean {
  const slash = repository.indexOf('/')
  const first = repository.slice(0, slash)
  return slash !== -1 && (/[.:A-Z]/.test(first) || first === 'localhost')
}

function fullRepository(repository: string): string {
  if (!hasRegistry(repository)) return officialRegistry + official(repository)
  const slash = repository.indexOf('/')
  const first = repository.slice(0, slash)
  // By its older name, too.
  if (first === 'docker.io' || first === 'index.docker.io')
    return officialRegistry + official(repository.slice(slash + 1))
  return repository
}

function official(path: string): string {
  return path.includes('/') || path.startsWith('**') ? path : officialRepository + path
}
