import type { TypeForm } from './form.ts'

/** Credentials that are what they are, for programs that read a value or a list of them. */
export const plain: Readonly<Record<string, TypeForm>> = {
  token: {
    title: 'a token, or an API key',
    fields: {
      token: {
        meaning: 'the token itself',
        secret: true,
        required: true,
        generated: { length: 40, charset: 'alphanumeric' }
      }
    },
    files: { token: { field: 'token' } }
  },
  'basic-auth': {
    title: 'a name and a password',
    fields: {
      username: { meaning: 'who logs in', required: true },
      password: {
        meaning: 'the password',
        secret: true,
        required: true,
        generated: { length: 32, charset: 'alphanumeric' }
      }
    },
    files: { username: { field: 'username' }, password: { field: 'password' } }
  },
  env: {
    title: 'variables of an environment',
    others: { pattern: '[A-Za-z_][A-Za-z0-9_]*', rule: 'letters, digits and "_", not a digit first' },
    files: {
      env: { format: 'env', lines: [{ each: '{name}={value}' }] },
      variables: { format: 'variables', lines: [{ each: '{name}={value}' }] },
      'env.sh': { format: 'shell', lines: [{ each: 'export {name}={value}' }] }
    }
  },
  json: {
    title: 'an object of JSON with a string for each field',
    others: {
      pattern: '[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}',
      rule: 'at most 128 letters, digits, "_", "." and "-"'
    },
    files: { 'secret.json': { json: { $fields: 'all' } } }
  }
}
