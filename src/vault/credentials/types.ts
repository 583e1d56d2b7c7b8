import { quote, SecretboxError } from '../../base/errors.ts'
import { didYouMean } from '../../base/messages.ts'
import { nearest } from '../../base/nearest.ts'
import { readType, type TypeForm } from './form.ts'
import { databases } from './shipped-databases.ts'
import { plain } from './shipped-plain.ts'
import type { CredentialType } from './type.ts'

const shipped: Readonly<Record<string, TypeForm>> = { ...plain, ...databases }

/** The types that there are. */
export interface Types {
  /** By name. */
  list(): Promise<CredentialType[]>
  /** Throws `not_found` with the names that there are. */
  get(name: string): Promise<CredentialType>
}

/** The types that come along; each is read when it is first wanted. */
export function createTypes(): Types {
  const read = new Map<string, CredentialType>()
  const shippedType = (name: string, form: TypeForm): CredentialType => {
    const type = read.get(name) ?? readType(name, 'shipped', form)
    read.set(name, type)
    return type
  }
  return {
    list: () =>
      Promise.resolve(
        Object.entries(shipped)
          .map(([name, form]) => shippedType(name, form))
          .sort((a, b) => (a.name < b.name ? -1 : 1))
      ),
    get(name) {
      const form = Object.hasOwn(shipped, name) ? shipped[name] : undefined
      if (form !== undefined) return Promise.resolve(shippedType(name, form))
      const known = Object.keys(shipped).sort()
      const meant = nearest(name, known)
      throw new SecretboxError('not_found', `no such type ${quote(name)}: there are ${known.join(', ')}`, {
        hint: meant === null ? 'docker vault types shows what each of them is' : didYouMean(meant)
      })
    }
  }
}
