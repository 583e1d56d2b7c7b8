import type { TypeForm } from './form.ts'

const username = { meaning: 'who logs in', required: true } as const
const password = { meaning: 'the password, or a token', secret: true, required: true } as const

/** Logins at servers, in the files of the programs that talk to them. */
export const logins: Readonly<Record<string, TypeForm>> = {
  'docker-config': {
    title: 'a login at a registry',
    fields: {
      registry: {
        meaning: 'the registry; without it Docker Hub',
        pattern: '[A-Za-z0-9.:/_-]+',
        usual: 'https://index.docker.io/v1/'
      },
      // A colon ends the name.
      username: { ...username, pattern: '[^:]+' },
      password
    },
    files: {
      'config.json': { json: { auths: { '{registry}': { auth: { $base64: '{username}:{password}' } } } } }
    }
  },
  netrc: {
    title: 'a login for curl, ftp and others',
    fields: {
      machine: { meaning: 'the host', required: true, pattern: '[A-Za-z0-9._:-]+' },
      login: username,
      password
    },
    files: {
      '.netrc': {
        mode: '0600',
        format: 'netrc',
        lines: ['machine {machine} login {login} password {password}']
      }
    }
  },
  npmrc: {
    title: 'a token for an npm registry',
    fields: {
      registry: {
        meaning: 'the registry, without https:// and the slash at its end',
        pattern: '[A-Za-z0-9.:/_~-]*[A-Za-z0-9_~-]',
        usual: 'registry.npmjs.org'
      },
      'package-scope': { meaning: 'the packages that are there', pattern: '@[a-z0-9._~-]+' },
      token: { ...password, meaning: 'the token' }
    },
    files: {
      '.npmrc': {
        mode: '0600',
        format: 'npmrc',
        lines: ['//{=registry}/:_authToken={token}', '{=package-scope}:registry=https://{=registry}/']
      }
    }
  },
  'git-credentials': {
    title: "a login for git's store of credentials",
    fields: {
      protocol: { meaning: 'http or https', pattern: 'https?', usual: 'https' },
      host: {
        meaning: 'the host, with its port if that is not the usual one',
        required: true,
        pattern: '[A-Za-z0-9.:_-]+'
      },
      username,
      password
    },
    files: {
      '.git-credentials': {
        mode: '0600',
        format: 'url',
        lines: ['{=protocol}://{username}:{password}@{=host}']
      }
    }
  }
}
