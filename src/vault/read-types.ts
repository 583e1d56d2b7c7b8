import { theVault } from './access/actions.ts'
import type { Caller } from './access/authority.ts'
import type { Gate } from './action/gate.ts'

import type { Types } from './credentials/types.ts'

/** The types of credentials that there are, by name. */
export type ReadTypes = (caller: Caller) => ReturnType<Types['list']>

export function createReadTypes(gate: Gate, types: Types): ReadTypes {
  return caller =>
    gate.run(caller, 'type.list', theVault, async permit => {
      const all = await types.list()
      await permit.commit({ count: all.types.length }, [])
      return all
    })
}
