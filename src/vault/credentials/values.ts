import { isUtf8 } from 'node:buffer'
import { quote, SecretboxError } from '../../base/errors.ts'
import { didYouMean } from '../../base/messages.ts'
import { nearest } from '../../base/nearest.ts'
import { bytesOfText, viewOf } from '../../base/bytes.ts'
import { chainIn, privateKeyIn } from './certificates.ts'
import { checks } from './checks.ts'
import { about } from './refusal.ts'
import type { BoxScope } from './scope.ts'
import type { CredentialType, FieldValues, TypeField } from './type.ts'
import { hintOf, refuseUnwritable } from './uses.ts'

/** The declaration of a field; null when the type has none of that name. */
export function fieldOf({ fields, others }: CredentialType, name: string): TypeField | null {
  const declared = fields.find(field => field.name === name)
  if (declared !== undefined) return declared
  if (others?.pattern.test(name) !== true) return null
  return {
    ...{ name, meaning: '', secret: true, required: false, lines: 'many', pattern: null, characters: null },
    ...{ minBytes: 0, maxBytes: 64 << 10, usual: null, generated: { length: 32, charset: 'alphanumeric' } },
    check: null
  }
}

/** Throws `invalid` that lists the fields of a type, for a name that is none of them. */
export function refuseUnknownField(type: CredentialType, name: string): TypeField {
  const field = fieldOf(type, name)
  if (field !== null) return field
  const known = type.fields.map(each => each.name)
  const meant = nearest(name, known)
  const others =
    type.others === null ? '' : `${known.length === 0 ? '' : ', or '}a name of ${type.others.rule}`
  throw new SecretboxError(
    'invalid',
    `type ${quote(type.name)} has no field ${quote(name)}: it has ${known.join(', ')}${others}`,
    meant === null ? {} : { hint: didYouMean(meant) }
  )
}

/**
 * Throws `invalid` for what a box has that its type does not take: a field that there is not, a value that is not what the field
 * must be, one that a file cannot hold. That something is missing is no fault here.
 */
export function checkValues(type: CredentialType, values: FieldValues): void {
  for (const [name, value] of values) checkValue(refuseUnknownField(type, name), value)
  checkPair(type, values)
  refuseUnwritable(type, values)
}

/** Throws `invalid` for a private key and a certificate that are not of each other. */
function checkPair({ pair }: CredentialType, values: FieldValues): void {
  const [key, certificate] = pair === null ? [] : [values.get(pair.key), values.get(pair.certificate)]
  if (pair === null || key === undefined || certificate === undefined) return
  if (chainIn(certificate)[0].checkPrivateKey(privateKeyIn(key))) return
  throw new SecretboxError('invalid', `field ${quote(pair.key)} does not fit ${quote(pair.certificate)}`, {
    hint: `to change both, store them as one version: docker vault add BOX ${pair.certificate} ${pair.key}`
  })
}

function checkValue(field: TypeField, value: Uint8Array): void {
  const refuse = (what: string): never => {
    throw new SecretboxError('invalid', `field ${quote(field.name)} ${what}`, hintOf(value))
  }
  if (value.length > field.maxBytes) refuse(`has ${value.length} bytes: it has at most ${field.maxBytes}`)
  if (value.length < field.minBytes)
    refuse(value.length === 0 ? 'is empty' : `has ${value.length} bytes: it has at least ${field.minBytes}`)
  if (field.lines === 'one' && value.includes(newline)) refuse('has a newline: it is one line')
  const { pattern, characters } = field
  if (characters !== null && !value.every(byte => byte < 128 && characters.test(String.fromCharCode(byte))))
    refuse(`has a character that is none of ${characters.source}`)
  const { check } = field
  if (check !== null) about(`field ${quote(field.name)}`, () => checks[check](value))
  if (field.secret) return
  // What is shown is text.
  if (!isUtf8(value)) refuse('is not UTF-8')
  if (field.lines === 'one' && value.some(byte => byte < 32 || byte === 127))
    refuse('has a control character')
  const text = shownText(value)
  if (pattern?.test(text) === false) refuse(`is not what it must be: ${pattern.source}`)
}

const newline = 10

/** What is not secret, as text. */
export function shownText(value: Uint8Array): string {
  return viewOf(value).toString()
}

/**
 * What files are made of: the fields that a box has, and for those that it does not have, what its scope says, or what is
 * usual. What is added is no secret.
 */
export function withUsual(type: CredentialType, values: FieldValues, scope: BoxScope): FieldValues {
  const all = new Map(values)
  for (const { name, secret, usual } of type.fields) {
    if (all.has(name) || secret) continue
    const text = Object.hasOwn(scope, name) ? scope[name] : usual
    if (text !== undefined && text !== null) all.set(name, bytesOfText(text))
  }
  return all
}

/** What must be there and is not, in words: the names of fields, and of alternatives. */
export function missingIn(type: CredentialType, values: FieldValues): string[] {
  const required = type.fields.filter(({ name, required }) => required && !values.has(name))
  const isThere = type.alternatives.some(group => group.every(name => values.has(name)))
  const groups = type.alternatives.map(group => group.join(' and ')).join(', or ')
  return [...required.map(({ name }) => name), ...(type.alternatives.length === 0 || isThere ? [] : [groups])]
}
