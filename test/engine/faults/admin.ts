import { request } from 'node:http'

/** An answer of the daemon: its status and its body, as bytes. */
export interface Answer {
  readonly status: number
  readonly body: Buffer
}

/** Asks a daemon at its Unix socket. Rejects when nobody answers there. */
export function ask(
  socketPath: string,
  method: string,
  path: string,
  body?: string | Buffer,
  headers: Record<string, string> = {}
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, method, path, headers, agent: false }, answer => {
      const chunks: Buffer[] = []
      answer.on('data', (chunk: Buffer) => chunks.push(chunk))
      answer.on('error', reject)
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, body: Buffer.concat(chunks) }))
    })
    asked.on('error', reject)
    asked.end(body)
  })
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
