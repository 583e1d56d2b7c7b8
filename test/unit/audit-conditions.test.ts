import { expect, test } from 'vitest'
import { parseBoxName, parseMountId, parseVolumeName } from '../../src/base/names.ts'
import { fits, isConditional, type AuditConditions } from '../../src/vault/audit/conditions.ts'
import type { AuditEntry } from '../../src/vault/audit/records.ts'

const id = `ab12${'0'.repeat(60)}`
const [db, web] = [parseBoxName('db'), parseBoxName('web')]
const time = (minute: number): string => `2026-01-31T12:0${minute}:00.000Z`
const common = { previous: '0'.repeat(64), decision: 'allowed' } as const
const user = (uid: number) => ({ kind: 'user', uid, gid: uid, pid: 1 }) as const

const entries: readonly AuditEntry[] = [
  { ...common, sequence: 1, time: time(1), caller: user(0), action: 'box.create', box: db },
  { ...common, sequence: 2, time: time(2), caller: user(0), action: 'grant.add', boxes: 'w*' },
  { ...common, sequence: 3, time: time(3), caller: { kind: 'engine' }, action: 'box.mount', box: db },
  {
    ...{ ...common, sequence: 4, time: time(4), caller: { kind: 'daemon' }, action: 'copy.attach' },
    ...{ box: db, container: id, containerName: 'app' }
  },
  {
    ...{ ...common, sequence: 5, time: time(5), action: 'box.reveal', decision: 'denied', box: web },
    caller: user(1000)
  },
  {
    ...{ ...common, sequence: 6, time: time(6), action: 'token.issue', box: db },
    caller: {
      ...{ kind: 'container', uid: 1000, gid: 1000, pid: 2 },
      ...{ box: db, volume: parseVolumeName('v'), mount: parseMountId('m') }
    }
  }
]

test.each<[AuditConditions, number[]]>([
  [{}, [1, 2, 3, 4, 5, 6]],
  [{ boxes: [], denied: false }, [1, 2, 3, 4, 5, 6]],
  [{ boxes: [db] }, [1, 3, 4, 6]],
  // A grant by a glob is about each.
  [{ boxes: [web] }, [2, 5]],
  [{ boxes: [db, web] }, [1, 2, 3, 4, 5, 6]],
  [{ action: 'box.mount' }, [3]],
  [{ caller: 0 }, [1, 2]],
  // Who is user 1000 in a container is not that one here.
  [{ caller: 1000 }, [5]],
  [{ caller: 'container' }, [6]],
  [{ caller: 'engine' }, [3]],
  [{ container: 'app' }, [4]],
  [{ container: id }, [4]],
  [{ container: 'ab12' }, [4]],
  [{ container: 'ab1' }, []],
  [{ container: 'b12' }, []],
  [{ denied: true }, [5]],
  [{ since: time(3), until: time(5) }, [3, 4]],
  [{ boxes: [db], caller: 0, denied: true }, []]
])('of the entries these fit %j: %j', (conditions, sequences) => {
  expect(entries.filter(entry => fits(entry, conditions)).map(({ sequence }) => sequence)).toEqual(sequences)
})

test('only what asks for nothing is no condition', () => {
  const given = [{ boxes: [db] }, { caller: 0 }, { container: 'app' }, { denied: true }, { until: time(9) }]
  expect([{}, { boxes: [] }, { denied: false }].filter(isConditional)).toEqual([])
  expect(given.filter(isConditional)).toEqual(given)
})
