import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { connectEngine, type Engine } from '../../src/engine/engine.ts'
import { temporaryDirectory } from '../kit/temporary.ts'

/** Whatever is asked of an Engine. */
const calls: Readonly<Record<keyof Engine, (engine: Engine) => Promise<unknown>>> = {
  containers: engine => engine.containers(),
  isLocked: engine => engine.isLocked('a', 20),
  describe: engine => engine.describe('a'),
  lastStart: engine => engine.lastStart('a'),
  givenOptions: engine => engine.givenOptions('a', 20),
  start: engine => engine.start('a'),
  kill: engine => engine.kill('a'),
  image: engine => engine.image('a', null),
  removeVolume: engine => engine.removeVolume('a'),
  follow: engine =>
    engine.follow(
      () => undefined,
      () => undefined,
      new AbortController().signal
    )
}
const waitingForEver = expect.objectContaining({ name: 'NoAnswer' }) as Error

/** An Engine that answers so, which is given little time. */
async function answering(listener: RequestListener): Promise<Engine> {
  const socket = join(temporaryDirectory(), 'docker.sock')
  const server = createServer(listener).listen(socket)
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  await once(server, 'listening')
  return connectEngine(socket, { answerMs: 20, killMs: 20, startMs: 20 })
}

test.each(Object.entries(calls))(
  'an Engine that never answers is not waited for by %s',
  async (name, call) => {
    const engine = await answering(() => undefined)
    const answer = call(engine).catch((error: unknown) => error)
    expect(await answer).toEqual(name === 'isLocked' ? true : waitingForEver)
  }
)

test.each(Object.entries(calls).filter(([name]) => !['follow', 'isLocked'].includes(name)))(
  'an Engine that says no more in the middle of an answer, or goes away, is not waited for by %s',
  async (_name, call) => {
    for (const goOn of ['is silent', 'goes away']) {
      const engine = await answering((_request, response) => {
        response.writeHead(200, { 'Content-Length': '1000' }).write('{', () => {
          if (goOn === 'goes away') response.destroy()
        })
      })
      await expect(call(engine)).rejects.toEqual(waitingForEver)
    }
  }
)
