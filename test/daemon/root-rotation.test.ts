import { expect, test } from 'vitest'
import type { FaultPoint } from '../../src/base/fault-points.ts'
import { ask, type Answer } from '../kit/ask.ts'
import { freshId, makeBox } from '../kit/driver.ts'
import { start, type Started } from '../kit/started.ts'
import { cannotMount } from '../kit/tmpfs.ts'

const points: readonly FaultPoint[] = ['rotate.prepared', 'rotate.committing', 'rotate.committed']

function post({ daemon }: Started, url: string, body?: Buffer): Promise<Answer> {
  return ask(daemon.adminSocket, { method: 'POST', url, ...(body === undefined ? {} : { body }) })
}

test.skipIf(cannotMount)(
  'a daemon that is killed while it makes another root key serves the next time, by every keyslot (takes root)',
  async () => {
    let started = await start()
    await makeBox(started.daemon.adminSocket, 'db', { f: 'secret' })
    await started.driver.call('Create', { Name: 'v', Opts: { box: 'db' } })
    const { body: code } = await post(started, '/keyslots?name=safe&kind=recovery')
    const { body: file } = await post(started, '/keyslots?name=stick&kind=key-file')
    const { body: removed } = await post(started, '/keyslots?name=gone&kind=recovery')
    await ask(started.daemon.adminSocket, { method: 'DELETE', url: '/keyslots?name=gone' })

    for (const point of points) {
      await started.orders.give(point, 'wait')
      const rotating = post(started, '/rotate/root').catch(() => null)
      await started.orders.reached(point, rotating)
      // A Mount goes on, but for the moment of the commit.
      if (point !== 'rotate.committing') {
        const id = freshId()
        await started.driver.mount('v', id)
        await started.driver.unmount('v', id)
      }
      const killed = started
      started = await started.again('SIGKILL')
      await rotating
      await killed.orders.clear()
      const opens = async (name: string, kind: string, body: Buffer): Promise<string> =>
        (await post(started, `/keyslots/test?name=${name}&kind=${kind}`, body)).body.toString()
      expect([point, await opens('safe', 'recovery', code)]).toEqual([point, '{"opens":true}'])
      expect([point, await opens('stick', 'key-file', file)]).toEqual([point, '{"opens":true}'])
      expect([point, await opens('safe', 'recovery', removed)]).toEqual([point, '{"opens":false}'])
      const read = await ask(started.daemon.adminSocket, { method: 'GET', url: '/vault/db/f' })
      expect([point, read.body.toString()]).toEqual([point, 'secret'])
      const audit = await ask(started.daemon.adminSocket, { method: 'GET', url: '/audit?limit=1000' })
      expect(audit.body.toString()).toMatch(/"damages":0/)
    }
  }
)
