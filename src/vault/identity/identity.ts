import { randomUUID } from 'node:crypto'
import { SignJWT } from 'jose'
import type { Clock } from '../../base/clock.ts'
import type { Keyring } from '../../crypto/keyring.ts'
import type { Store } from '../../store/store.ts'
import type { Resources } from '../access/actions.ts'
import { theVault } from '../access/actions.ts'
import type { Caller } from '../access/authority.ts'
import type { Gate } from '../action/gate.ts'
import { commitPrepared } from '../action/overtaken.ts'
import { readBox, type Box } from '../boxes/records.ts'
import { tokenClaims, type KnownContainer, type TokenClaims } from './claims.ts'
import { signatureAlgorithm, signingKeyIn, type PublicKey } from './signing-key.ts'

/** What this vault says of itself to those who check its tokens. */
export interface PublicIdentity {
  /** The `iss` of its tokens. */
  readonly issuer: string
  readonly keys: readonly PublicKey[]
}

/** A token (RFC 7519, signed as RFC 7515 says, in compact form), and what it says. */
export interface IssuedToken {
  readonly token: string
  readonly claims: TokenClaims
}

export interface Identity {
  /** The public keys. Throws `damaged`. */
  show(caller: Caller): Promise<PublicIdentity>
  /**
   * A token about the container that has a copy, for `audience`; recorded before anybody has it. `find` finds out
   * which it is, and throws when that is not certain; `has`: whether what it has is of this box, which is not claimed otherwise.
   */
  issue(
    caller: Caller,
    copy: Resources['token.issue'],
    audience: string,
    container: {
      readonly find: () => Promise<KnownContainer>
      readonly has: (known: { readonly box: Pick<Box, 'id'> } & Pick<Keyring, 'tag'>) => boolean
    }
  ): Promise<IssuedToken>
}

export interface IdentityParts {
  readonly store: Store
  readonly storeId: string
  readonly gate: Gate
  readonly clock: Pick<Clock, 'dateMs'>
}

export function createIdentity({ store, storeId, gate, clock }: IdentityParts): Identity {
  const issuer = `secretbox:${storeId}`
  return {
    show: caller =>
      gate.run(caller, 'identity.show', theVault, permit =>
        commitPrepared(permit, async () => {
          const { publicKey } = await signingKeyIn(store, permit.keyring)
          return { answer: { issuer, keys: [publicKey] }, details: {}, writes: [] }
        })
      ),

    issue: (caller, copy, audience, { find, has }) =>
      gate.run(caller, 'token.issue', copy, async permit => {
        const container = await find()
        const id = randomUUID()
        const known = await readBox(store, permit.keyring, permit.resource.box)
        known?.key.wipe()
        const isIts = known !== null && has({ box: known, tag: permit.keyring.tag })
        const box = isIts ? known.name : null
        const claims = tokenClaims({ issuer, audience, box, container, nowMs: clock.dateMs(), id })
        const details = {
          audience,
          token: id,
          container: container.id,
          containerName: container.name,
          image: container.image
        }
        const { privateKey, publicKey } = await commitPrepared(permit, async () => {
          const key = await signingKeyIn(store, permit.keyring)
          return { answer: key, details, writes: [] }
        })
        const token = await new SignJWT({ ...claims })
          .setProtectedHeader({ alg: signatureAlgorithm, typ: 'JWT', kid: publicKey.kid })
          .sign(privateKey)
        return { token, claims }
      })
  }
}
