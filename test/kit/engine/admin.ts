import { ask as askWith, type Answer } from '../ask.ts'

/** Asks a daemon at its Unix socket. Rejects when nobody answers there. */
export function ask(
  socketPath: string,
  method: string,
  path: string,
  body?: string | Buffer,
  headers: Record<string, string> = {}
): Promise<Answer> {
  return askWith(socketPath, { method, url: path, headers, ...(body === undefined ? {} : { body }) })
}

/** As `ask`, for JSON. Throws unless the status is in the 200s. */
export async function askJson<T>(
  socketPath: string,
  method: string,
  path: string,
  body?: string | Buffer
): Promise<T> {
  const { status, body: answer } = await ask(socketPath, method, path, body)
  if (status < 200 || status > 299) throw new Error(`${method} ${path}: ${status} ${answer.toString()}`)
  return JSON.parse(answer.toString()) as T
}
