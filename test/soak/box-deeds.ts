import { ask } from '../kit/engine/admin.ts'
import type { Files } from '../kit/engine/boxes.ts'
import { freeName, type Deed, type Kind, type Site } from './deed.ts'
import { addVersion, type Box } from './model.ts'

const mostBoxes = 5
const paths = ['password', 'user', 'tls/key.pem', 'tls/cert.pem', 'keytab']
/** From what a manifest holds in itself to what becomes a blob of several chunks. */
const lengths = [0, 12, 900, 4100, 70_000, 300_000]

/** A change of a box: no other change at the same time, but copies may be made meanwhile. */
function change(site: Site, what: string, name: string, box: Box, next: Files, act: Deed['act']): Deed {
  const version = box.newest + 1
  return {
    what: `${what} ${name}, version ${version}`,
    alone: [`change of ${name}`],
    shared: [`box ${name}`],
    refusal: null,
    act,
    happened: async () => (await newestOf(site, name)) === version,
    note() {
      addVersion(box, next)
      return null
    }
  }
}

const put: Kind = {
  name: 'put',
  weight: 14,
  plan(site) {
    const [name, box] = site.random.oneOf(site.model.boxes) ?? []
    const path = site.random.oneOf(paths)
    if (name === undefined || box === undefined || path === undefined) return null
    const contents = site.random.bytes(site.random.oneOf(lengths) ?? 0)
    const next = new Map(box.versions.get(box.newest)).set(path, contents)
    // The request empties no buffer of the caller's, and the model keeps its own.
    const act = (): Promise<unknown> => order(site, 'PUT', `/vault/${name}/${path}`, Buffer.from(contents))
    return change(site, `put ${path} into`, name, box, next, act)
  }
}

const remove: Kind = {
  name: 'remove',
  weight: 3,
  plan(site) {
    const [name, box] = site.random.oneOf(site.model.boxes) ?? []
    if (name === undefined || box === undefined) return null
    const next = new Map(box.versions.get(box.newest))
    const path = site.random.oneOf(next.keys())
    if (path === undefined) return null
    next.delete(path)
    const act = (): Promise<unknown> => order(site, 'DELETE', `/vault/${name}/${path}`)
    return change(site, `remove ${path} from`, name, box, next, act)
  }
}

const rollback: Kind = {
  name: 'rollback',
  weight: 4,
  plan(site) {
    const [name, box] = site.random.oneOf(site.model.boxes) ?? []
    if (name === undefined || box === undefined || box.newest === 1) return null
    // Of the newest few, for the oldest are dropped.
    const version = Math.max(1, box.newest - 1 - site.random.below(20))
    const body = JSON.stringify({ rollback: version })
    const act = (): Promise<unknown> => order(site, 'PATCH', `/vault/${name}/`, body)
    return change(site, `rollback to ${version} of`, name, box, box.versions.get(version) ?? new Map(), act)
  }
}

const createBox: Kind = {
  name: 'create box',
  weight: 8,
  plan(site) {
    const name = freeName(site.model.boxes, 'box', mostBoxes)
    if (name === null) return null
    return {
      what: `create ${name}`,
      alone: [`box ${name}`],
      shared: [],
      refusal: null,
      act: () => order(site, 'PUT', `/vault/${name}/`),
      happened: async () => (await newestOf(site, name)) !== null,
      note() {
        site.model.boxes.set(name, { versions: new Map([[1, new Map()]]), newest: 1 })
        return null
      }
    }
  }
}

const destroyBox: Kind = {
  name: 'destroy box',
  weight: 1,
  plan(site) {
    const name = site.random.oneOf(site.model.boxes.keys())
    if (name === undefined) return null
    return {
      what: `destroy ${name}`,
      alone: [`box ${name}`],
      shared: [],
      refusal: null,
      act: () => order(site, 'DELETE', `/vault/${name}/?force=1`),
      happened: async () => (await newestOf(site, name)) === null,
      note() {
        site.model.boxes.delete(name)
        return null
      }
    }
  }
}

/** What is done to boxes. */
export const boxKinds: readonly Kind[] = [put, remove, rollback, createBox, destroyBox]

/** The number of a box's newest version; null when there is no such box. */
export async function newestOf({ rig }: Site, box: string): Promise<number | null> {
  const { status, body } = await ask(rig.adminSocket, 'GET', `/vault/${box}/`)
  if (status === 404) return null
  return (JSON.parse(body.toString()) as { version: number }).version
}

async function order(site: Site, method: string, path: string, body?: string | Buffer): Promise<void> {
  const { status, body: answer } = await ask(site.rig.adminSocket, method, path, body)
  if (status > 299) throw new Error(`${method} ${path}: ${status} ${answer.toString()}`)
}
