import type { Request, Response, RequestHandler } from 'express'
import { z } from 'zod'
import { quote, SecretboxError } from '../../base/errors.ts'
import type { Caller } from '../../vault/access/authority.ts'
import type { IncomingEdit } from '../../vault/boxes/edits.ts'
import {
  parseBoxName,
  parseFilePath,
  parseLinkTarget,
  type BoxName,
  type FilePath
} from '../../base/names.ts'
import type { Vault } from '../../vault/vault.ts'
import { MethodError } from '../transport/answers.ts'
import {
  flagIn,
  modeIn,
  onlyIfAbsent,
  parseAddress,
  pathIn,
  takeQuery,
  textOf,
  versionAsked,
  versionExpected
} from '../transport/address.ts'
import { discardBody, piecesOf, readBody } from '../transport/body.ts'
import { changed, created, sendFile, sendListing, sendTar, summaryJson, type Sending } from './box-answers.ts'
import { refuseKnownByName, refuseUsed } from './box-users.ts'
import type { DescribedVolume } from './status.ts'
import { editsFromTar, tarType } from '../transport/tar.ts'

/** The mode of a file that was put without one. */
const defaultFileMode = 0o600
const maxLinkBytes = 8192

const Patch = z.union([
  z.strictObject({
    remove: z.array(z.strictObject({ path: z.string(), recursive: z.boolean().default(false) })).min(1)
  }),
  z.strictObject({ rollback: z.number().int().min(1) }),
  z.strictObject({ rename: z.string() })
])

/** What the boxes are answered from, and the volumes that show them. */
export interface BoxParts {
  readonly vault: Vault
  readonly volumes: (caller: Caller) => Promise<DescribedVolume[]>
}

/** `/vault/…`: the boxes over HTTP, as docs/openapi.yaml has them. `callerOf` says who asks. */
export function boxRoutes(
  { vault, volumes }: BoxParts,
  callerOf: (request: Request) => Caller
): RequestHandler {
  return async (request, response) => {
    try {
      const caller = callerOf(request)
      const address = parseAddress(request.path)
      const ask = { vault, volumes, caller, request, response }
      if (address.box === null) {
        if (request.method !== 'GET' && request.method !== 'HEAD')
          throw new MethodError(request, ['GET', 'HEAD'])
        takeQuery(request)
        const { boxes, damaged } = await vault.list(caller)
        response.json({ boxes: boxes.map(summaryJson), ...(damaged.length === 0 ? {} : { damaged }) })
      } else if (address.isBox) await onBox(ask, address.box)
      else await onPath(ask, address.box, address.path)
    } finally {
      discardBody(request)
    }
  }
}

interface Ask extends BoxParts {
  readonly caller: Caller
  readonly request: Request
  readonly response: Response
}

async function onBox(ask: Ask, box: BoxName): Promise<void> {
  const { vault, caller, request, response } = ask
  switch (request.method) {
    case 'GET':
    case 'HEAD':
      takeQuery(request, 'version', 'digests')
      await answerBox(ask, box)
      return
    case 'PUT':
      takeQuery(request, 'in')
      if (isTar(request)) {
        const followIn = pathIn('in', request.query['in'])
        const edits = editsFromTar(request, followIn)
        const change = { edits, partial: true, followIn, ...conditionsOf(request) }
        changed(response, await vault.change(caller, box, change))
      } else {
        if (request.query['in'] !== undefined)
          throw new SecretboxError('invalid', `"in" goes with Content-Type: ${tarType}`)
        await refuseBody(request)
        created(response, await vault.create(caller, box))
      }
      return
    case 'PATCH':
      takeQuery(request)
      await patchBox(ask, box)
      return
    case 'DELETE':
      takeQuery(request, 'force')
      await vault.destroy(caller, box, versionExpected(request), async () => {
        if (!flagIn('force', request.query['force'])) refuseUsed(box, await ask.volumes(caller))
      })
      response.json({ name: box })
      return
    default:
      throw new MethodError(request, ['GET', 'HEAD', 'PUT', 'PATCH', 'DELETE'])
  }
}

async function answerBox(ask: Ask, box: BoxName): Promise<void> {
  const { vault, caller, request, response } = ask
  const withDigests = flagIn('digests', request.query['digests'])
  if (wantsTar(request)) {
    if (withDigests) throw new SecretboxError('invalid', '"digests" goes with a listing, not with a tree')
    await reveal(ask, box, parseFilePath(''), sendTar)
    return
  }
  await vault.open(caller, 'inspect', { box }, versionAsked(request), opened =>
    sendListing(response, opened, withDigests)
  )
}

async function patchBox({ vault, volumes, caller, request, response }: Ask, box: BoxName): Promise<void> {
  const patch = Patch.safeParse(request.body)
  if (!patch.success) {
    throw new SecretboxError(
      'invalid',
      'bad change: it must be {"remove": [{"path", "recursive"}]}, {"rollback": version} or {"rename": name}'
    )
  }
  const ifVersion = versionExpected(request)
  if ('rollback' in patch.data) {
    changed(response, await vault.rollback(caller, box, patch.data.rollback, ifVersion))
    return
  }
  if ('rename' in patch.data) {
    const check = async (): Promise<void> => refuseKnownByName(box, await volumes(caller))
    const to = parseBoxName(patch.data.rename)
    changed(response, await vault.rename(caller, box, to, ifVersion, check))
    return
  }
  const edits = patch.data.remove.map(({ path, recursive }): IncomingEdit => {
    try {
      return { op: 'remove', path: parseFilePath(path), recursive }
    } catch (error) {
      if (!(error instanceof SecretboxError)) throw error
      return { op: 'refused', path, error }
    }
  })
  changed(response, await vault.change(caller, box, { edits, partial: true, ifVersion }))
}

async function onPath(ask: Ask, box: BoxName, path: FilePath): Promise<void> {
  const { vault, caller, request, response } = ask
  const apply = async (edit: IncomingEdit): Promise<void> => {
    const change = { edits: [edit], partial: false, ...conditionsOf(request) }
    changed(response, await vault.change(caller, box, change))
  }
  switch (request.method) {
    case 'GET':
    case 'HEAD':
      takeQuery(request, 'version')
      return reveal(ask, box, path, wantsTar(request) ? sendTar : sendFile)
    case 'PUT':
      takeQuery(request, 'type', 'mode')
      return apply(await editOfPut(request, path))
    case 'DELETE':
      takeQuery(request, 'recursive')
      return apply({ op: 'remove', path, recursive: flagIn('recursive', request.query['recursive']) })
    default:
      throw new MethodError(request, ['GET', 'HEAD', 'PUT', 'DELETE'])
  }
}

async function reveal(
  { vault, caller, request, response }: Ask,
  box: BoxName,
  path: FilePath,
  send: (sending: Sending) => Promise<void>
): Promise<void> {
  const withBody = request.method !== 'HEAD'
  await vault.open(caller, 'reveal', { box, path }, versionAsked(request), opened =>
    send({ opened, path, response, withBody })
  )
}

async function editOfPut(request: Request, path: FilePath): Promise<IncomingEdit> {
  const { type = 'file', mode } = request.query
  switch (type) {
    case 'file':
      return { op: 'file', path, mode: modeIn(mode, defaultFileMode), bytes: piecesOf(request) }
    case 'directory':
      await refuseBody(request)
      return { op: 'directory', path, mode: modeIn(mode, 0o755) }
    case 'symlink':
      return { op: 'symlink', path, target: parseLinkTarget(await readTarget(request)) }
    default:
      throw new SecretboxError(
        'invalid',
        `bad type ${quote(textOf(type))}: it must be file, directory or symlink`
      )
  }
}

function conditionsOf(request: Request): { ifVersion: number | null; ifAbsent: boolean } {
  return { ifVersion: versionExpected(request), ifAbsent: onlyIfAbsent(request) }
}

/** By the header alone: Express says no to a tree without a body, which would then be taken for a new box. */
function isTar(request: Request): boolean {
  return request.get('Content-Type')?.split(';', 1)[0]?.trim().toLowerCase() === tarType
}

function wantsTar(request: Request): boolean {
  return request.get('Accept')?.includes(tarType) ?? false
}

async function refuseBody(request: Request): Promise<void> {
  const refusal = new SecretboxError('invalid', 'the request takes no body', {
    hint: `to put a tree into a box, send Content-Type: ${tarType}`
  })
  await readBody(request, 0, refusal)
}

async function readTarget(request: Request): Promise<string> {
  const refusal = new SecretboxError('invalid', `the body may have at most ${maxLinkBytes} bytes`)
  return (await readBody(request, maxLinkBytes, refusal)).toString()
}
