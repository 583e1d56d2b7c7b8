import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http'
import { AuditLineNeeds, type AuditLine } from '../../api/audit.ts'
import type { BoxVersion } from '../../api/boxes.ts'
import { fileType, linesType, tarType } from '../../api/media-types.ts'
import { operations } from '../../api/operations.ts'
import { StatusNeeds } from '../../api/status.ts'
import { VolumeListNeeds } from '../../api/volumes.ts'
import { isSecretboxError, SecretboxError } from '../../base/errors.ts'
import type { BoxName } from '../../base/names.ts'
import type { Api } from './api.ts'
import { callsTo, json, unfit, type Calls } from './call.ts'
import { fitting } from './fitting.ts'
import { readAll } from './http.ts'
import type { Body } from '../output/body.ts'
import type { AdminSocket } from './socket.ts'

/** The API of the daemon at the socket that `findSocket` finds, as `callsTo` calls it. */
export function connectApi(findSocket: () => Promise<AdminSocket>, purpose?: 'completion'): Api {
  const calls = callsTo(findSocket, purpose)
  return {
    ...boxesBy(calls),
    ...contentsBy(calls),
    ...grantsBy(calls),
    ...keyslotsBy(calls),
    ...daemonBy(calls)
  }
}

type Boxes = Pick<
  Api,
  | 'boxes'
  | 'boxesAndDamaged'
  | 'createBox'
  | 'destroyBox'
  | 'renameBox'
  | 'giveBox'
  | 'box'
  | 'boxWithDigests'
  | 'versions'
  | 'rollback'
>

function boxesBy(calls: Calls): Boxes {
  const { askJson } = calls
  const boxesAndDamaged: Api['boxesAndDamaged'] = async ({ uuid, owner, fields = false } = {}) => {
    const query = { uuid, owner, ...(fields ? { fields: 1 } : {}) }
    return { damaged: [], ...(await askJson(operations.listBoxes, { query })) }
  }
  return {
    boxes: async () => (await boxesAndDamaged()).boxes,
    boxesAndDamaged,
    createBox(box, kind = null, { neverRevealed = false } = {}) {
      const scope = new URLSearchParams(kind?.scope).toString()
      const query = kind === null ? {} : { type: kind.type, scope: scope === '' ? undefined : scope }
      const reveal = neverRevealed ? { reveal: 'never' } : {}
      return askJson(operations.putBox, { box, query: { ...query, ...reveal } }, 201)
    },
    destroyBox: async (box, { evenIfUsed = false, ifVersion }) => {
      const query = evenIfUsed ? { force: 1 } : {}
      await askJson(operations.destroyBox, { box, query, headers: ifMatch(ifVersion) })
    },
    renameBox: (box, to) => askJson(operations.changeBox, { box, ...json({ rename: to }) }),
    giveBox: (box, owner) => askJson(operations.changeBox, { box, ...json({ owner }) }),
    box: (box, version) => askJson(operations.readBox, { box, query: { version } }),
    boxWithDigests: (box, version) => askJson(operations.readBox, { box, query: { version, digests: 1 } }),
    versions: box => versionsOf(calls, box),
    rollback: (box, version) => askJson(operations.changeBox, { box, ...json({ rollback: version }) })
  }
}

async function versionsOf({ askJson }: Calls, box: BoxName): Promise<readonly BoxVersion[]> {
  return (await askJson(operations.listVersions, { box })).versions
}

type ContentsOfBoxes = Pick<Api, 'kindAt' | 'addTree' | 'remove' | 'putFile' | 'read'>

function contentsBy(calls: Calls): ContentsOfBoxes {
  const { ask, askJson } = calls
  return {
    kindAt: (box, path, version) => kindAt(calls, box, path, version),
    addTree: ({ box, path }, tar) =>
      askJson(operations.putBox, {
        box,
        query: { in: path === '' ? undefined : path },
        headers: { 'Content-Type': tarType },
        body: tar
      }),
    remove: (box, items) => askJson(operations.changeBox, { box, ...json({ remove: items }) }),
    putFile(box, path, body, { mode, ifVersion } = {}) {
      const headers = { 'Content-Type': fileType, ...ifMatch(ifVersion) }
      return askJson(operations.putEntry, { box, path, query: { mode }, headers, body })
    },
    async read(box, path, { tree = false, version } = {}) {
      const headers = { Accept: tree ? tarType : fileType }
      const answer = await ask(operations.readFile, { box, path, query: { version }, headers })
      const tar = answer.headers['content-type'] === tarType
      const length = answer.headers['content-length']
      return {
        version: versionOf(answer),
        tar,
        bytes: tar || length === undefined ? null : Number(length),
        body: whole(answer, `${box}:${path}`)
      }
    }
  }
}

/** What a path in a box is; null when there is none in it. Throws `not_found` when there is no box. */
async function kindAt(
  calls: Calls,
  ...[box, path, version]: Parameters<Api['kindAt']>
): ReturnType<Api['kindAt']> {
  const { ask, send } = calls
  const place = { box, path, query: { version } }
  for (const [kind, type] of Object.entries(typeOf)) {
    const answer = await send(operations.headFile, { ...place, headers: { Accept: type } })
    answer.resume()
    if (answer.statusCode === 200 && (kind !== 'file' || path !== '')) {
      return { kind: kind as 'file' | 'directory', version: versionOf(answer) }
    }
  }
  // HEAD does not say why not.
  try {
    const answer = await ask(operations.readFile, { ...place, headers: { Accept: fileType } })
    // Somebody has put it there meanwhile. It is not to be read here.
    answer.destroy()
    return await kindAt(calls, box, path, version)
  } catch (error) {
    if (!isSecretboxError(error, 'not_found')) throw error
    await versionsOf(calls, box)
    return null
  }
}

type Grants = Pick<Api, 'grants' | 'grant' | 'revoke' | 'discardGrant' | 'can'>

function grantsBy({ askJson }: Calls): Grants {
  return {
    grants: box => askJson(operations.listGrants, { query: { box } }),
    grant: wish => askJson(operations.grant, json(wish)),
    revoke: async wish => (await askJson(operations.revoke, json(wish))).grants,
    async discardGrant(record) {
      await askJson(operations.discardGrant, { query: { record } })
    },
    can: (subject, right, box, groups) =>
      askJson(operations.can, { query: { subject, right, box, groups: groups.join(',') } })
  }
}

type Keyslots = Pick<
  Api,
  | 'keyslots'
  | 'makeKeyslot'
  | 'removeKeyslot'
  | 'opensKeyslot'
  | 'rotateRoot'
  | 'rotateBox'
  | 'seal'
  | 'unseal'
>

/** More than what opens a keyslot has. */
const mostSecretBytes = 4096

function keyslotsBy({ ask, askJson }: Calls): Keyslots {
  const sent = (body: Body): { body: Body; headers: OutgoingHttpHeaders } => ({
    body,
    headers: { 'Content-Type': fileType }
  })
  return {
    keyslots: async () => (await askJson(operations.listKeyslots, {})).keyslots,
    async makeKeyslot(place, { given: body, ...query }) {
      const given = { query, ...(body === undefined ? {} : sent(body)) }
      const answer = await (place === 'new'
        ? ask(operations.addKeyslot, given)
        : ask(operations.replaceKeyslot, given))
      return readAll(answer, mostSecretBytes)
    },
    removeKeyslot: async name => (await askJson(operations.removeKeyslot, { query: { name } })).boxes,
    opensKeyslot: async (name, kind, given) =>
      (await askJson(operations.testKeyslot, { query: { name, kind }, ...sent(given) })).opens,
    async rotateRoot() {
      await askJson(operations.rotateRoot, {})
    },
    async rotateBox(box) {
      await askJson(operations.rotateBox, { query: { box } })
    },
    async seal() {
      await askJson(operations.seal, {})
    },
    async unseal(kind, name, given) {
      await askJson(operations.unseal, { query: { kind, name }, ...sent(given) })
    }
  }
}

type Daemon = Pick<
  Api,
  'types' | 'volumes' | 'unused' | 'prune' | 'reconcile' | 'audit' | 'identity' | 'injected' | 'status'
>

function daemonBy({ ask, askJson }: Calls): Daemon {
  return {
    types: () => askJson(operations.listTypes, {}),
    volumes: async () => (await askJson(operations.listVolumes, {}, 200, VolumeListNeeds)).volumes,
    unused: all => askJson(operations.listUnused, { query: all ? { all: 1 } : {} }),
    prune: (volumes, boxes) => askJson(operations.prune, json({ volumes, boxes })),
    reconcile: async apply =>
      (await askJson(operations.reconcile, { query: apply ? { apply: 1 } : {} })).actions,
    async *audit({ follow, denied, boxes, ...filters }) {
      const flags = { ...(follow === true ? { follow: 1 } : {}), ...(denied === true ? { denied: 1 } : {}) }
      const query = { ...filters, ...flags, box: boxes }
      const answer = await ask(operations.readAudit, { query, headers: { Accept: linesType } })
      let unreadable: Error | null = null
      for await (const line of linesOf(whole(answer, 'the audit'))) {
        const read = fits(line)
        if (read instanceof Error) unreadable ??= read
        else yield read
      }
      // Once all that can be read was told: one line hides no other.
      if (unreadable !== null) throw unreadable
    },
    identity: () => askJson(operations.showIdentity, {}),
    injected: asked => askJson(operations.describeInjected, json(asked)),
    status: () => askJson(operations.status, {}, 200, StatusNeeds)
  }
}

/** A line of the audit, or why it cannot be read. */
function fits(line: string): AuditLine | Error {
  try {
    return fitting(AuditLineNeeds, line, reason => unfit(operations.readAudit, reason)) as AuditLine
  } catch (error) {
    return error as Error
  }
}

/** How contents travel: a file as it is, a directory as tar. */
const typeOf = { file: fileType, directory: tarType } as const

function ifMatch(version: number | undefined): OutgoingHttpHeaders {
  return version === undefined ? {} : { 'If-Match': `"${version}"` }
}

/** The lines of a text, without their ends; the last has one, or is not whole. */
async function* linesOf(chunks: AsyncIterable<Buffer>): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of chunks) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n')
    rest = lines.pop() ?? ''
    yield* lines
  }
}

function versionOf(answer: IncomingMessage): number {
  const [, version] = /^"(\d+)"$/.exec(answer.headers.etag ?? '') ?? []
  if (version === undefined) throw unfit(operations.readFile, 'it names no version')
  return Number(version)
}

// Node reports a connection that broke in the middle as "aborted"; the user should learn what was cut short.
async function* whole(answer: IncomingMessage, what: string): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of answer) yield chunk as Buffer
  } catch (error) {
    throw new SecretboxError('unavailable', `the daemon stopped in the middle of ${JSON.stringify(what)}`, {
      cause: error
    })
  }
}
