import type { TypeForm } from './form.ts'

/** Keys, and what proves whose they are. */
export const keys: Readonly<Record<string, TypeForm>> = {
  tls: {
    title: 'a certificate and its private key',
    fields: {
      certificate: {
        meaning: 'the certificate, then those that issued it',
        lines: 'many',
        required: true,
        check: 'certificate-chain'
      },
      key: {
        meaning: 'the private key, without a passphrase',
        secret: true,
        lines: 'many',
        required: true,
        check: 'private-key'
      },
      ca: { meaning: 'certificates that are trusted', lines: 'many', check: 'certificates' }
    },
    pair: { key: 'key', certificate: 'certificate' },
    files: {
      'tls.crt': { mode: '0644', field: 'certificate', ended: true },
      'tls.key': { field: 'key', ended: true },
      'ca.crt': { mode: '0644', field: 'ca', ended: true }
    }
  },
  'ssh-key': {
    title: 'a private key of ssh',
    fields: {
      'private-key': {
        meaning: 'the private key',
        secret: true,
        lines: 'many',
        required: true,
        check: 'ssh-private-key'
      },
      'public-key': {
        meaning: 'the public key',
        pattern: '(ssh|ecdsa|sk)-[a-z0-9@.-]+ [A-Za-z0-9+/= @._-]+'
      },
      'known-hosts': { meaning: 'the keys of hosts, as ssh-keyscan prints them', lines: 'many' }
    },
    files: {
      // ssh refuses a key that others may read, and one without a newline at its end.
      id: { mode: '0600', field: 'private-key', ended: true },
      'id.pub': { mode: '0644', field: 'public-key', ended: true },
      known_hosts: { mode: '0644', field: 'known-hosts', ended: true }
    }
  }
}
