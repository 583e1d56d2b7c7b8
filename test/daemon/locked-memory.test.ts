import { expect, onTestFinished, test } from 'vitest'
import { ask } from '../kit/ask.ts'
import { startDaemon } from '../kit/daemon-process.ts'

test('a daemon that may not lock memory keeps no key there, says why, and stays sealed', async () => {
  const refused = ['setpriv', '--bounding-set', '-ipc_lock', 'prlimit', '--memlock=0']
  const daemon = await startDaemon({}, undefined, refused)
  onTestFinished(() => daemon.stop())
  const { body } = await ask(daemon.adminSocket, { method: 'GET', url: '/status' })
  expect(JSON.parse(body.toString())).toMatchObject({
    sealed: true,
    reason: 'the vault is sealed: cannot lock memory for its keys: the system does not permit it'
  })
  expect(daemon.log()).toContain('cannot lock memory for its keys')
  const create = await ask(daemon.adminSocket, { method: 'PUT', url: '/vault/db/' })
  expect(create.status).toBe(503)
  expect(JSON.parse(create.body.toString())).toMatchObject({
    code: 'sealed',
    hint: 'give the daemon the capability IPC_LOCK, or raise its limit of locked memory (ulimit -l)'
  })
})
