import { checks, type CheckName, type ValueFacts } from './checks.ts'
import { Unfit } from './refusal.ts'
import type { BoxScope } from './scope.ts'
import type { CredentialType, FieldValues, TypeField } from './type.ts'
import { fieldOf, missingIn, shownText, withUsual } from './values.ts'

/** A field as everybody may see it who may know of the box. */
export interface ShownField extends Pick<
  TypeField,
  'name' | 'meaning' | 'secret' | 'required' | 'lines' | 'generated'
> {
  /** Where its value comes from; null when there is none. */
  readonly from: 'box' | 'scope' | 'usual' | null
  /** Of what is no secret, and one line. */
  readonly value: string | null
}

/** What of a credential is no secret. */
export interface ShownCredential {
  readonly fields: readonly ShownField[]
  /** What is known of the values that the box has, as `certificate.notAfter`. */
  readonly facts: ValueFacts
  /** What further fields are called; null when there are none. */
  readonly others: string | null
  /** What is missing for a Mount, in words. */
  readonly missing: readonly string[]
  /** What clients are given once nothing is missing. */
  readonly files: readonly { readonly path: string; readonly mode: number }[]
}

/** What of a box's fields may be shown. `values`: what the box has; they stay the caller's. */
export function shownOf(type: CredentialType, values: FieldValues, scope: BoxScope): ShownCredential {
  const all = withUsual(type, values, scope)
  const others = [...values.keys()].filter(name => !type.fields.some(field => field.name === name)).sort()
  const fields = [...type.fields, ...others.flatMap(name => fieldOf(type, name) ?? [])]
  return {
    fields: fields.map(({ name, meaning, secret, required, lines, generated }) => {
      const value = all.get(name)
      const isShown = value !== undefined && !secret && lines === 'one'
      return {
        ...{ name, meaning, secret, required, lines, generated },
        from: values.has(name)
          ? 'box'
          : value === undefined
            ? null
            : Object.hasOwn(scope, name)
              ? 'scope'
              : 'usual',
        value: isShown ? shownText(value) : null
      }
    }),
    facts: factsOf(type, values),
    others: type.others?.rule ?? null,
    missing: missingIn(type, all),
    files: type.files.map(({ path, mode }) => ({ path, mode }))
  }
}

function factsOf({ fields }: CredentialType, values: FieldValues): ValueFacts {
  return Object.fromEntries(
    fields.flatMap(({ name, check }) => {
      const value = values.get(name)
      if (value === undefined || check === null) return []
      return Object.entries(factsAbout(check, value)).map(([fact, told]) => [`${name}.${fact}`, told])
    })
  )
}

/** Nothing of what an earlier release took and this one does not. */
function factsAbout(check: CheckName, value: Uint8Array): ValueFacts {
  try {
    return checks[check](value)
  } catch (error) {
    if (error instanceof Unfit) return {}
    throw error
  }
}
