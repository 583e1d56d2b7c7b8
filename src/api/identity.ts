import * as z from 'zod/mini'
import type { Read } from './values.ts'

/** A public key for signatures with ECDSA, P-256 and SHA-256 (RFC 7517; RFC 7518, section 6.2). */
const PublicKey = z.lazy(() =>
  z.object({
    kty: z.literal('EC'),
    crv: z.literal('P-256'),
    x: z.string(),
    y: z.string(),
    alg: z.literal('ES256'),
    use: z.literal('sig'),
    /** Its thumbprint (RFC 7638). */
    kid: z.string()
  })
)

/** Who signs the tokens of containers, and the keys that tell. */
export const PublicIdentity = z.lazy(() => z.object({ issuer: z.string(), keys: z.array(PublicKey) }))
export type PublicIdentity = Read<typeof PublicIdentity>
