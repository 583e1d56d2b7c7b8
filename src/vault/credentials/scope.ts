import { quote, SecretboxError } from '../../base/errors.ts'
import { bytesOfText } from '../../base/bytes.ts'
import type { CredentialType } from './type.ts'
import { checkValues } from './values.ts'

/** What a box is for, as its owner says: `host=db.example`. No secret. */
export type BoxScope = Readonly<Record<string, string>>

const mostPairs = 16
const key = /^[a-z][a-z0-9._-]{0,62}$/
const mostBytes = 256

/** Throws `invalid` for a scope that cannot be shown, or whose value for a field is not what that must be. */
export function checkScope(type: CredentialType, scope: BoxScope): void {
  const pairs = Object.entries(scope)
  if (pairs.length > mostPairs) throw badScope(`it has at most ${mostPairs} pairs`)
  for (const [name, value] of pairs) {
    if (!key.test(name)) throw badScope(`${quote(name)} is not small letters, digits, ".", "_" and "-"`)
    // oxlint-disable-next-line no-control-regex -- they are what is looked for
    if (value === '' || Buffer.byteLength(value) > mostBytes || /[\0-\x1f\x7f]/.test(value))
      throw badScope(`the value of ${quote(name)} is not 1 to ${mostBytes} bytes without control characters`)
  }
  const shown = type.fields.filter(({ name, secret }) => !secret && Object.hasOwn(scope, name))
  checkValues(type, new Map(shown.map(({ name }) => [name, bytesOfText(scope[name] ?? '')])))
}

function badScope(what: string): SecretboxError {
  return new SecretboxError('invalid', `bad scope: ${what}`, { hint: 'a scope is written as KEY=VALUE' })
}
