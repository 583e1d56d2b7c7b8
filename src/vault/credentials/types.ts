import { quote, SecretboxError } from '../../base/errors.ts'
import { didYouMean } from '../../base/messages.ts'
import { nearest } from '../../base/nearest.ts'
import { readType, typeNameRule, type TypeForm } from './form.ts'
import type { OwnTypes } from './own-types.ts'
import { clouds } from './shipped-clouds.ts'
import { databases } from './shipped-databases.ts'
import { keys } from './shipped-keys.ts'
import { logins } from './shipped-logins.ts'
import { plain } from './shipped-plain.ts'
import type { CredentialType } from './type.ts'

const shipped: Readonly<Record<string, TypeForm>> = {
  ...plain,
  ...keys,
  ...clouds,
  ...databases,
  ...logins
}

/** A type of the operator's that cannot be read, and why. */
export interface BadType {
  readonly name: string
  readonly error: SecretboxError
}

/** The types that there are. */
export interface Types {
  /** By name; what is wrong with one hides no other. */
  list(): Promise<{ types: CredentialType[]; bad: BadType[] }>
  /** Throws `not_found` with the names that there are, and for one of the operator's what reading it throws. */
  get(name: string): Promise<CredentialType>
}

/** The types that come along, each of which is read when it is first wanted, and the operator's own. */
export function createTypes(own: OwnTypes): Types {
  const read = new Map<string, CredentialType>()
  const find = async (name: string): Promise<CredentialType | null> => {
    const form = Object.hasOwn(shipped, name) ? shipped[name] : undefined
    if (form === undefined) return own.read(name)
    const type = read.get(name) ?? readType(name, 'shipped', form)
    read.set(name, type)
    return type
  }
  const names = async (): Promise<string[]> =>
    [...new Set([...Object.keys(shipped), ...(await own.names())])].sort()

  return {
    async list() {
      const types: CredentialType[] = []
      const bad: BadType[] = []
      for (const name of await own.names()) {
        if (Object.hasOwn(shipped, name)) bad.push({ name, error: taken(name) })
      }
      for (const name of await names()) {
        try {
          const type = await find(name)
          if (type === null) bad.push({ name, error: badName(name) })
          else types.push(type)
        } catch (error) {
          if (!(error instanceof SecretboxError)) throw error
          bad.push({ name, error })
        }
      }
      return { types, bad }
    },
    async get(name) {
      const type = await find(name)
      if (type !== null) return type
      const known = await names()
      const meant = nearest(name, known)
      throw new SecretboxError('not_found', `no such type ${quote(name)}: there are ${known.join(', ')}`, {
        hint: meant === null ? 'docker vault types shows what each of them is' : didYouMean(meant)
      })
    }
  }
}

function taken(name: string): SecretboxError {
  return new SecretboxError('invalid', `bad type ${quote(name)}: a type that comes along has that name`)
}

function badName(name: string): SecretboxError {
  return new SecretboxError('invalid', `bad type ${quote(name)}: ${typeNameRule}`)
}
