import { quote } from '../../base/errors.ts'
import { UsageError } from '../output/failure.ts'
import { boxFileForm, readBoxFile, type BoxFile } from './box-file.ts'
import { entriesIn, type Mapping } from './model.ts'
import { variablesKey } from './vault-keys.ts'

/** The files of variables that each service is to have: `x-vault-env: BOX[:FILE]`, or a list of these. Throws `UsageError`. */
export function boxVariablesIn(model: Mapping): ReadonlyMap<string, readonly BoxFile[]> {
  return new Map(
    entriesIn(model['services']).flatMap(([service, fields]) => {
      const given = fields[variablesKey]
      if (given === undefined) return []
      const of = `service ${quote(service)}`
      if (Array.isArray(given) && given.length === 0) return []
      if (given === null) throw new UsageError(`bad ${variablesKey} of ${of}: it is empty`, boxFileForm)
      const files = Array.isArray(given) ? given : [given]
      return [[service, files.map(file => readBoxFile(file, variablesKey, of))] as const]
    })
  )
}
