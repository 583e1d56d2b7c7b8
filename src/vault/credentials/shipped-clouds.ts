import type { TypeForm } from './form.ts'

/** Accounts of clouds and clusters, in the files of their own clients. */
export const clouds: Readonly<Record<string, TypeForm>> = {
  aws: {
    title: 'an access key of AWS, or of what speaks like it',
    fields: {
      'access-key-id': { meaning: 'the ID of the key', required: true, pattern: '[!-~]{1,128}' },
      'secret-access-key': { meaning: 'the key', secret: true, required: true },
      'session-token': { meaning: 'the token of a session', secret: true },
      region: { meaning: 'the region', pattern: '[a-z0-9-]+' },
      'endpoint-url': { meaning: 'where it is, when that is not AWS', pattern: 'https?://[!-~]+' },
      profile: { meaning: 'the profile', pattern: '[A-Za-z0-9_.-]+', usual: 'default' }
    },
    files: {
      credentials: {
        format: 'aws',
        lines: [
          '[{=profile}]',
          'aws_access_key_id = {access-key-id}',
          'aws_secret_access_key = {secret-access-key}',
          'aws_session_token = {session-token}'
        ]
      },
      config: {
        format: 'aws',
        lines: ['[profile {=profile}]', 'region = {region}', 'endpoint_url = {endpoint-url}']
      }
    }
  },
  gcp: {
    title: 'a key file of Google Cloud',
    fields: {
      key: {
        meaning: 'the file as it was given out, for GOOGLE_APPLICATION_CREDENTIALS',
        secret: true,
        lines: 'many',
        required: true,
        check: 'gcp-key'
      }
    },
    files: { 'credentials.json': { field: 'key', ended: true } }
  },
  kubeconfig: {
    title: 'a login at a Kubernetes cluster',
    fields: {
      server: { meaning: 'the URL of the API', required: true, pattern: 'https?://[!-~]+' },
      ca: { meaning: 'the certificates that the server is held to', lines: 'many', check: 'certificates' },
      namespace: { meaning: 'the usual namespace', pattern: '[a-z0-9-]+' },
      token: { meaning: 'a token', secret: true },
      'client-certificate': {
        meaning: 'a certificate, then those that issued it',
        lines: 'many',
        check: 'certificate-chain'
      },
      'client-key': {
        meaning: 'its private key, without a passphrase',
        secret: true,
        lines: 'many',
        check: 'private-key'
      }
    },
    alternatives: [['token'], ['client-certificate', 'client-key']],
    pair: { key: 'client-key', certificate: 'client-certificate' },
    files: {
      // YAML, of which JSON is a part.
      config: {
        json: {
          apiVersion: 'v1',
          kind: 'Config',
          clusters: [
            {
              name: 'default',
              cluster: { server: '{server}', 'certificate-authority-data': { $base64: '{ca}' } }
            }
          ],
          users: [
            {
              name: 'default',
              user: {
                token: '{token}',
                'client-certificate-data': { $base64: '{client-certificate}' },
                'client-key-data': { $base64: '{client-key}' }
              }
            }
          ],
          contexts: [
            {
              name: 'default',
              context: { cluster: 'default', user: 'default', namespace: '{namespace}' }
            }
          ],
          'current-context': 'default'
        }
      }
    }
  }
}
