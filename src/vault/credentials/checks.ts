import type { X509Certificate } from 'node:crypto'
import { certificatesIn, chainIn, privateKeyIn } from './certificates.ts'
import { membersOf } from './json-members.ts'
import { Unfit } from './refusal.ts'
import { sshKeyIn } from './ssh-keys.ts'

/** What is known of a value beside its bytes, for everybody who may know of the box: no secret. */
export type ValueFacts = Readonly<Record<string, string>>

/** What a value must be, and what may be told of it. Each throws `Unfit`. */
export const checks = {
  /** A certificate, and those that issued it, in PEM, in their order. */
  'certificate-chain': value => factsOf(chainIn(value)[0]),
  /** Certificates in PEM, in any order. */
  certificates: value => {
    const all = certificatesIn(value)
    const first = all.toSorted((a, b) => Date.parse(a.validTo) - Date.parse(b.validTo))[0]
    return { count: String(all.length), ...(first === undefined ? {} : { notAfter: notAfterOf(first) }) }
  },
  /** In PEM, without a passphrase. */
  'private-key': value => {
    privateKeyIn(value)
    return {}
  },
  /** A private key that ssh reads. */
  'ssh-private-key': value => {
    const key = sshKeyIn(value)
    if (key === null) return {}
    const { algorithm, fingerprint, isEncrypted } = key
    return { algorithm, fingerprint, ...(isEncrypted ? { passphrase: 'needed' } : {}) }
  },
  /** An object of JSON. */
  'json-object': value => {
    if (membersOf(value) === null) throw new Unfit('is no object of JSON')
    return {}
  },
  /** What Google's clients read as application default credentials. */
  'gcp-key': value => googleFacts(value)
} as const satisfies Readonly<Record<string, (value: Uint8Array) => ValueFacts>>

export type CheckName = keyof typeof checks

function factsOf(certificate: X509Certificate): ValueFacts {
  return { subject: certificate.subject.replaceAll('\n', ', '), notAfter: notAfterOf(certificate) }
}

function notAfterOf({ validTo }: X509Certificate): string {
  return new Date(validTo).toISOString()
}

/** What a file of each kind must have (google-auth-library). */
const ofGoogle: Readonly<Record<string, readonly string[]>> = {
  service_account: ['client_email', 'private_key', 'token_uri'],
  authorized_user: ['client_id', 'client_secret', 'refresh_token'],
  external_account: ['audience', 'subject_token_type', 'token_url', 'credential_source'],
  impersonated_service_account: ['service_account_impersonation_url', 'source_credentials']
}

function googleFacts(value: Uint8Array): ValueFacts {
  const members = membersOf(value)
  if (members === null) throw new Unfit('is no object of JSON')
  const text = (name: string): string | undefined => {
    const written = members.get(name)?.toString()
    return written !== undefined && /^"[^"\\]*"$/.test(written) ? written.slice(1, -1) : undefined
  }
  const type = text('type')
  const needed = type !== undefined && Object.hasOwn(ofGoogle, type) ? ofGoogle[type] : undefined
  if (type === undefined || needed === undefined)
    throw new Unfit(`has no "type" of these: ${Object.keys(ofGoogle).join(', ')}`)
  const missing = needed.filter(name => !members.has(name))
  if (missing.length > 0) throw new Unfit(`is a ${type} without ${missing.join(', ')}`)
  const [account, project] = [text('client_email'), text('project_id')]
  return {
    type,
    ...(account === undefined ? {} : { account }),
    ...(project === undefined ? {} : { project })
  }
}
