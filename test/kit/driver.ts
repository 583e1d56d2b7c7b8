import { copyKeyOf, type CopyKey } from '../../src/copies/copy-key.ts'
import { parseMountId, parseVolumeName } from '../../src/base/names.ts'
import { randomBytes } from 'node:crypto'
import { Agent, request } from 'node:http'
import { ask } from './ask.ts'

/** The volume driver of a daemon, called as the Engine calls it. */
export interface Driver {
  /** Calls `VolumeDriver.<call>`; gives the reply, or throws with its `Err`. */
  call(call: string, body: object): Promise<Record<string, unknown>>
  /** Makes a volume of the box with the same name. */
  createVolume(name: string): Promise<unknown>
  /** Mounts and gives the path of the copy. */
  mount(name: string, id: string): Promise<string>
  unmount(name: string, id: string): Promise<unknown>
  /** Ends its connections. */
  close(): void
}

/** Calls over at most `connections` connections that stay open, as the Engine's do. */
export function driverAt(socketPath: string, connections = Infinity): Driver {
  const agent = new Agent({ keepAlive: true, maxSockets: connections })
  const call = (name: string, body: object): Promise<Record<string, unknown>> =>
    new Promise((resolve, reject) => {
      const sent = request({ socketPath, agent, method: 'POST', path: `/VolumeDriver.${name}` }, response => {
        response.toArray().then((pieces: Buffer[]) => {
          const reply = JSON.parse(Buffer.concat(pieces).toString()) as Record<string, unknown>
          if (typeof reply['Err'] === 'string' && reply['Err'] !== '') reject(new Error(reply['Err']))
          else resolve(reply)
        }, reject)
      })
      sent.once('error', reject)
      sent.end(JSON.stringify(body))
    })
  return {
    call,
    createVolume: name => call('Create', { Name: name, Opts: {} }),
    mount: async (name, id) => (await call('Mount', { Name: name, ID: id }))['Mountpoint'] as string,
    unmount: (name, id) => call('Unmount', { Name: name, ID: id }),
    close: () => agent.destroy()
  }
}

/** What the copy of a volume for a mount ID is called. */
export function copyOf(volume: string, id: string): CopyKey {
  return copyKeyOf(parseVolumeName(volume), parseMountId(id))
}

/** A mount ID as the Engine makes them. */
export function freshId(): string {
  return randomBytes(32).toString('hex')
}

/** Makes a box of files by the admin API. */
export async function makeBox(
  adminSocket: string,
  box: string,
  files: Readonly<Record<string, string | Buffer>>
): Promise<void> {
  const change = async (url: string, body?: string | Buffer): Promise<void> => {
    const answer = await ask(adminSocket, { method: 'PUT', url, ...(body === undefined ? {} : { body }) })
    if (answer.status > 299) throw new Error(`${url}: ${answer.body.toString()}`)
  }
  await change(`/vault/${box}/`)
  for (const [path, contents] of Object.entries(files)) await change(`/vault/${box}/${path}`, contents)
}

/** The mount IDs of all copies that have a record, by the admin API. */
export async function labels(adminSocket: string): Promise<string[]> {
  const { body } = await ask(adminSocket, { method: 'GET', url: '/volumes/' })
  const { volumes } = JSON.parse(body.toString()) as { volumes: { copies: { mount: string }[] }[] }
  return volumes.flatMap(({ copies }) => copies.map(({ mount }) => mount))
}
