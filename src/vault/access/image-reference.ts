import type { Glob } from './glob.ts'

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
 * The pattern that a glob of references is, to be matched with `repository:tag` in full. A registry is added to what
 * does not begin with a star, and `latest` to what has neither a tag nor a star at its end.
 */
export function referencePattern({ literals }: Glob): Glob {
  const text = literals.join('*')
  const { repository, tag } = splitTag(text)
  const full = text.startsWith('*') ? repository : fullRepository(repository)
  const suffix = tag === null ? (text.endsWith('*') ? '' : `:${usualTag}`) : `:${tag}`
  return { literals: (full + suffix).split('*') }
}

/** A colon before the last slash is that of a registry's port. */
function splitTag(named: string): { repository: string; tag: string | null } {
  const colon = named.indexOf(':', named.lastIndexOf('/') + 1)
  if (colon === -1) return { repository: named, tag: null }
  return { repository: named.slice(0, colon), tag: named.slice(colon + 1) }
}

function fullRepository(repository: string): string {
  const slash = repository.indexOf('/')
  const first = repository.slice(0, slash)
  const hasRegistry = slash !== -1 && (/[.:A-Z]/.test(first) || first === 'localhost')
  if (!hasRegistry) return officialRegistry + official(repository)
  // By its older name, too.
  if (first === 'docker.io' || first === 'index.docker.io')
    return officialRegistry + official(repository.slice(slash + 1))
  return repository
}

function official(path: string): string {
  return path.includes('/') ? path : officialRepository + path
}
