import type { BoxName } from '../../base/names.ts'

/** How long a token is good for. */
export const tokenSeconds = 300

/** What is known of a container for certain, by the kernel and the Engine. */
export interface KnownContainer {
  /** The Engine's ID, 64 hex digits. */
  readonly id: string
  readonly name: string
  /** The image by the name that it was given when the container was made; a tag may mean another image by now. */
  readonly image: string
  /** The image's own ID, `sha256:…`: what runs. */
  readonly imageId: string
  /** Of Compose. Null for a container that was made otherwise, whatever its image says. */
  readonly compose: { readonly project: string; readonly service: string } | null
}

/** What a token is about. */
export interface TokenFacts {
  /** Who signs. */
  readonly issuer: string
  /** For whom it is: who checks a token must refuse one that is for somebody else. */
  readonly audience: string
  /** Null: it has nothing of a box, or not of one that there is. */
  readonly box: BoxName | null
  readonly container: KnownContainer
  /** Milliseconds since 1970. */
  readonly nowMs: number
  /** Of this token and no other. */
  readonly id: string
}

/** The claims of a token (RFC 7519, section 4.1; ours in docs/identity.md). */
export interface TokenClaims {
  readonly iss: string
  readonly sub: string
  readonly aud: string
  /** Seconds since 1970. */
  readonly iat: number
  readonly nbf: number
  readonly exp: number
  readonly jti: string
  readonly box?: string
  readonly container: string
  readonly container_id: string
  readonly image: string
  readonly image_id: string
  readonly project?: string
  readonly service?: string
}

/** What a token says. */
export function tokenClaims({ issuer, audience, box, container, nowMs, id }: TokenFacts): TokenClaims {
  const seconds = Math.floor(nowMs / 1000)
  return {
    iss: issuer,
    sub: subjectOf(container),
    aud: audience,
    iat: seconds,
    nbf: seconds,
    exp: seconds + tokenSeconds,
    jti: id,
    ...(box === null ? {} : { box }),
    container: container.name,
    container_id: container.id,
    image: container.image,
    image_id: container.imageId,
    ...container.compose
  }
}

/** What stays the same when a container is made again. */
export function subjectOf({ compose, name }: KnownContainer): string {
  return compose === null ? `container:${name}` : `compose:${compose.project}/${compose.service}`
}
