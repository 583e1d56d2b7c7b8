import express from 'express'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { pino } from 'pino'
import { expect, onTestFinished, test } from 'vitest'
import { auditRoute } from '../../src/http/admin/audit.ts'
import { answerErrors } from '../../src/http/transport/answers.ts'
import type { Caller } from '../../src/vault/access/authority.ts'

const check = { checked: 0, damages: 0, from: 1, to: 0, oldest: 1, newest: 0 }

test('four at once read the audit who are one user, also one line of it, and root is not counted', async () => {
  const ends: (() => void)[] = []
  const begun: AbortSignal[] = []
  const audit = () =>
    Promise.resolve(async function* ({ signal }: { signal?: AbortSignal }) {
      if (signal !== undefined) begun.push(signal)
      await new Promise<void>(resolve => ends.push(resolve))
      yield check
    })
  const app = express()
  const callerOf = ({ headers }: express.Request): Caller => {
    const uid = Number(headers['x-uid'])
    return { kind: 'user', uid, gid: uid, pid: 1 }
  }
  app.get('/audit', auditRoute({ audit, auditAfter: () => Promise.resolve() }, callerOf))
  app.use(answerErrors(pino({ enabled: false })))
  const server = createServer(app).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  const leaving = new AbortController()
  const read = async (uid: number, Accept: string, signal: AbortSignal | null = null): Promise<number> => {
    const headers = { Accept, 'x-uid': String(uid) }
    const answer = await fetch(`http://127.0.0.1:${port}/audit?limit=1`, { headers, signal })
    await answer.text()
    return answer.status
  }
  const lines = 'application/x-ndjson'
  const first = read(1, 'application/json', leaving.signal).catch(() => 'left')
  const reading = [
    read(1, 'application/json'),
    read(1, lines),
    read(1, lines),
    read(2, lines),
    read(0, lines)
  ]
  while (ends.length < 6) await new Promise(resolve => setImmediate(resolve))
  expect([await read(1, 'application/json'), await read(1, lines)]).toEqual([429, 429])
  // Who leaves is not read for any more.
  leaving.abort()
  expect(await first).toBe('left')
  while (!begun.some(({ aborted }) => aborted)) await new Promise(resolve => setImmediate(resolve))
  for (const end of ends) end()
  expect(await Promise.all(reading)).toEqual([200, 200, 200, 200, 200])
})
