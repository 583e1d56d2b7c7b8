import { request } from 'node:http'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startDaemon, type Daemon } from '../daemon-process.ts'

let daemon: Daemon

beforeAll(async () => {
  daemon = await startDaemon()
  await put('/vault/db/', {})
})
afterAll(() => daemon.stop())

function put(path: string, headers: Record<string, string>): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const call = request({ socketPath: daemon.adminSocket, method: 'PUT', path, headers }, answer => {
      text(answer).then(body => resolve({ status: answer.statusCode ?? 0, body }), reject)
    })
    call.once('error', reject)
    call.end(path.endsWith('/') ? undefined : 'x')
  })
}

test('a file is put only once when the caller asks for it with If-None-Match: *', async () => {
  const first = await put('/vault/db/once', { 'If-None-Match': '*' })
  expect(first.status).toBe(200)
  const second = await put('/vault/db/once', { 'If-None-Match': '*' })
  expect(second.status).toBe(409)
  expect(JSON.parse(second.body)).toEqual({
    code: 'exists',
    message: 'cannot put "once": a file has that name already'
  })
})

test('an If-None-Match that names a version is refused', async () => {
  const answer = await put('/vault/db/once', { 'If-None-Match': '"3"' })
  expect(answer.status).toBe(400)
  expect(answer.body).toContain('only * is understood')
})

test('a change that expects another version names both versions', async () => {
  const answer = await put('/vault/db/once', { 'If-Match': '"99"' })
  expect(answer.status).toBe(412)
  expect(JSON.parse(answer.body)).toEqual({
    code: 'precondition',
    message: 'box "db" is at version 2, not at 99',
    hint: 'read it again, then repeat the change'
  })
})
