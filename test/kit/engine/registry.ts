import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { startBackground, statusOf, untilReady } from './background.ts'

/** A registry without TLS on the loopback interface, that forgets everything at the end. */
export interface Registry {
  /** `127.0.0.1:port`, the first part of an image's or plugin's reference. */
  readonly address: string
  stop(): Promise<void>
}

/** Starts Debian's docker-registry with its files in `directory`, which it makes. */
export async function startRegistry(directory: string): Promise<Registry> {
  const port = await freePort()
  const configFile = join(directory, 'config.yaml')
  const log = join(directory, 'registry.log')
  await mkdir(directory)
  await writeFile(
    configFile,
    `version: 0.1
storage: { filesystem: { rootdirectory: ${join(directory, 'files')} } }
http: { addr: '127.0.0.1:${port}' }
`
  )
  const server = startBackground('docker-registry', ['serve', configFile], log)
  const isReady = async (): Promise<boolean> => (await statusOf({ host: '127.0.0.1', port }, '/v2/')) === 200
  await untilReady(server, isReady, log)
  return { address: `127.0.0.1:${port}`, stop: () => server.kill('SIGTERM') }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
