import { ask } from '../ask.ts'
import type { Engine } from './engine.ts'

/**
 * Asks the Engine itself for what needs no docker: to start one takes a tenth of a second of a processor. Gives what JSON
 * says that it answers, null without any. Rejects with the Engine's message, or when it does not answer.
 */
export async function callEngine<T>(
  { socket }: Pick<Engine, 'socket'>,
  method: 'GET' | 'POST' | 'DELETE',
  url: string,
  json?: unknown
): Promise<T> {
  const headers = { host: 'docker', ...(json === undefined ? {} : { 'content-type': 'application/json' }) }
  const { status, body } = await ask(socket, {
    ...{ method, url, headers },
    ...(json === undefined ? {} : { body: JSON.stringify(json) })
  })
  const answer: unknown = body.length === 0 ? null : JSON.parse(body.toString())
  if (status >= 400) throw new Error(`${method} ${url}: ${(answer as { message: string }).message}`)
  return answer as T
}
