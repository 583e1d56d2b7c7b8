import type { Request, RequestHandler } from 'express'
import { Patch, patchRule } from '../../api/changes.ts'
import { tarType } from '../../api/media-types.ts'
import { methodsAt, operations } from '../../api/operations.ts'
import { SecretboxError } from '../../base/errors.ts'
import { parseBoxName, parseFilePath, type BoxName } from '../../base/names.ts'
import type { Caller } from '../../vault/access/authority.ts'
import type { May } from '../../vault/action/permit.ts'
import type { IncomingEdit } from '../../vault/boxes/edits.ts'
import { parseUrlPath } from '../transport/address.ts'
import { MethodError } from '../transport/answers.ts'
import { discardBody } from '../transport/body.ts'
import { editsFromTar } from '../transport/tar.ts'
import { conditionsOf, isTar, refuseBody, reveal, wantsTar, type Ask, type BoxParts } from './ask.ts'
import { asTar, changed, created, destroyed, sendBoxes, sendListing } from './box-answers.ts'
import { refuseKnownByName, refuseUsed } from './box-users.ts'
import { onPath } from './entries.ts'
import { bodyIn, headersOf, queryOf, takeJson } from '../transport/request.ts'

/** `/vault/…`: the boxes over HTTP, as docs/openapi.yaml has them. `callerOf` says who asks. */
export function boxRoutes(parts: BoxParts, callerOf: (request: Request) => Caller): RequestHandler {
  return async (request, response) => {
    try {
      const ask = { ...parts, caller: callerOf(request), request, response }
      const address = parseUrlPath(request.path)
      if (address.box === null) await answering(allBoxes, operations.listBoxes, request)(ask)
      else if (address.isBox) await answering(onBox, operations.readBox, request)(ask, address.box)
      else await answering(onPath, operations.readFile, request)(ask, address)
    } finally {
      discardBody(request)
    }
  }
}

/** What answers the request's method. Throws `MethodError` when nothing does. */
function answering<Answer>(
  answers: Readonly<Record<string, Answer>>,
  { path }: { readonly path: string },
  request: Request
): Answer {
  const answer = Object.hasOwn(answers, request.method) ? answers[request.method] : undefined
  if (answer === undefined) throw new MethodError(request, methodsAt(path))
  return answer
}

const allBoxes: Readonly<Record<string, (ask: Ask) => Promise<void>>> = { GET: listBoxes, HEAD: listBoxes }

/** `/vault/{box}/`: what is answered to each method. */
const onBox: Readonly<Record<string, (ask: Ask, box: BoxName) => Promise<void>>> = {
  GET: answerBox,
  HEAD: answerBox,
  PUT: putBox,
  PATCH: changeBox,
  DELETE: destroyBox
}

async function listBoxes({ vault, caller, request, response }: Ask): Promise<void> {
  const { uuid, owner, name, fields } = queryOf(operations.listBoxes, request)
  const { boxes, damaged } = await vault.list(caller, { shown: fields })
  const asked = boxes.filter(
    box =>
      (uuid ?? box.id) === box.id && (owner ?? box.owner) === box.owner && (name ?? box.name) === box.name
  )
  sendBoxes(response, { boxes: asked, damaged })
}

async function answerBox(ask: Ask, box: BoxName): Promise<void> {
  const { vault, caller, request, response } = ask
  const { version = null, digests } = queryOf(operations.readBox, request)
  if (wantsTar(headersOf(operations.readBox, request))) {
    if (digests) throw new SecretboxError('invalid', '"digests" goes with a listing, not with a tree')
    await reveal(ask, { box, version, path: parseFilePath('') }, asTar)
    return
  }
  const purpose = digests ? 'compare' : 'inspect'
  await vault.open(caller, purpose, { box }, version, opened => sendListing(response, opened, digests))
}

async function putBox({ vault, caller, request, response }: Ask, box: BoxName): Promise<void> {
  const { in: directory, type, scope, reveal } = queryOf(operations.putBox, request)
  const conditions = conditionsOf(headersOf(operations.putBox, request))
  if (isTar(request)) {
    if (type !== undefined || scope !== undefined || reveal !== undefined)
      throw new SecretboxError('invalid', '"type", "scope" and "reveal" go with a new box, not with a tree')
    const followIn = directory ?? parseFilePath('')
    const edits = editsFromTar(request, followIn)
    changed(response, await vault.change(caller, box, { edits, partial: true, followIn, ...conditions }))
    return
  }
  if (directory !== undefined) throw goesWithTar('in')
  if (conditions.ifVersion !== null) throw goesWithTar('If-Match')
  await refuseBody(request)
  if (type === undefined && scope !== undefined)
    throw new SecretboxError('invalid', '"scope" goes with "type": a box without one is for anything')
  const kind = type === undefined ? null : { type, scope: scope ?? {} }
  created(response, await vault.create(caller, box, { kind, isNeverRevealed: reveal === 'never' }))
}

function goesWithTar(name: string): SecretboxError {
  return new SecretboxError('invalid', `"${name}" goes with Content-Type: ${tarType}`)
}

/** It may name each entry of a box. */
const maxPatchBytes = 4 << 20

async function changeBox(ask: Ask, box: BoxName): Promise<void> {
  const { vault, allVolumes, meet, caller, request, response } = ask
  queryOf(operations.changeBox, request)
  await meet(request, 'changeBox', box)
  await takeJson(request, response, maxPatchBytes)
  const patch = bodyIn(Patch, request, 'change', patchRule)
  const { ifVersion } = conditionsOf(headersOf(operations.changeBox, request))
  if ('rollback' in patch) {
    changed(response, await vault.rollback(caller, box, patch.rollback, ifVersion))
    return
  }
  if ('owner' in patch) {
    changed(response, await vault.own(caller, box, patch.owner, ifVersion))
    return
  }
  if ('rename' in patch) {
    // Whoever uses it does, also where the caller may not know of it.
    const check = async (may: May): Promise<void> => refuseKnownByName(box, await allVolumes(), may)
    const to = parseBoxName(patch.rename)
    changed(response, await vault.rename(caller, box, to, ifVersion, check))
    return
  }
  const edits = patch.remove.map(({ path, recursive }): IncomingEdit => {
    try {
      return { op: 'remove', path: parseFilePath(path), recursive }
    } catch (error) {
      if (!(error instanceof SecretboxError)) throw error
      return { op: 'refused', path, error }
    }
  })
  changed(response, await vault.change(caller, box, { edits, partial: true, ifVersion }))
}

async function destroyBox(
  { vault, allVolumes, caller, request, response }: Ask,
  box: BoxName
): Promise<void> {
  const { force } = queryOf(operations.destroyBox, request)
  const { ifVersion } = conditionsOf(headersOf(operations.destroyBox, request))
  await vault.destroy(caller, box, ifVersion, async may => {
    if (!force) refuseUsed(box, await allVolumes(), may)
  })
  destroyed(response, box)
}
