import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto'
import { errnoOf } from '../../base/errors.ts'
import { Unfit } from './refusal.ts'
import { viewOf } from '../../base/bytes.ts'

const block = /-----BEGIN ([A-Z0-9 ]+)-----[^-]*-----END \1-----/g

/** The certificates in PEM, in their order; they are no secret. Throws `Unfit`. */
export function certificatesIn(value: Uint8Array): X509Certificate[] {
  const blocks = [...viewOf(value).toString().matchAll(block)]
  const other = blocks.find(([, kind]) => !/^(X509 |TRUSTED )?CERTIFICATE$/.test(kind ?? ''))?.[1]
  if (other !== undefined) throw new Unfit(`holds a ${other}, and it is shown: it is for certificates alone`)
  if (blocks.length === 0) throw new Unfit('holds no certificate in PEM')
  return blocks.map(([pem], at) => {
    try {
      return new X509Certificate(pem)
    } catch {
      throw new Unfit(`holds a certificate that cannot be read, number ${at + 1}`)
    }
  })
}

/** The certificates of a server or client and those that issued each, one after the other. Throws `Unfit`. */
export function chainIn(value: Uint8Array): [X509Certificate, ...X509Certificate[]] {
  const [first, ...issuers] = certificatesIn(value)
  if (first === undefined) throw new Unfit('holds no certificate in PEM')
  const chain: [X509Certificate, ...X509Certificate[]] = [first, ...issuers]
  for (const [at, issuer] of issuers.entries()) {
    const issued = chain[at]
    if (issued?.checkIssued(issuer) === true && issued.verify(issuer.publicKey)) continue
    throw new Unfit(
      `is not in order: certificate ${at + 2} did not issue certificate ${at + 1}`,
      'the certificate itself comes first, then the one that issued it, and so on'
    )
  }
  return chain
}

/** A private key in PEM. Throws `Unfit`. */
export function privateKeyIn(value: Uint8Array): KeyObject {
  try {
    return createPrivateKey({ key: viewOf(value), format: 'pem' })
  } catch (error) {
    if (errnoOf(error) === 'ERR_MISSING_PASSPHRASE') {
      throw new Unfit(
        'is encrypted with a passphrase, which nobody is there to type',
        'in the box it is encrypted as it is; without the passphrase: openssl pkey -in FILE'
      )
    }
    throw new Unfit('is no private key in PEM')
  }
}
