import type { Request } from 'express'
import type { QueryOf } from '../../api/operation.ts'
import { operations } from '../../api/operations.ts'
import { SecretboxError } from '../../base/errors.ts'
import { parseLinkTarget, type BoxName, type FilePath } from '../../base/names.ts'
import type { IncomingEdit } from '../../vault/boxes/edits.ts'
import { defaultDirectoryMode } from '../../vault/boxes/tree.ts'
import { piecesOf, readBody } from '../transport/body.ts'
import { conditionsOf, refuseBody, reveal, wantsTar, type Ask } from './ask.ts'
import { asFile, asTar, changed } from './box-answers.ts'
import { headersOf, queryOf } from '../transport/request.ts'

/** The mode of a file that was put without one. */
const defaultFileMode = 0o600
const maxLinkBytes = 8192

/** `/vault/{box}/{path}`: what is answered to each method. */
export const onPath: Readonly<
  Record<string, (ask: Ask, place: { readonly box: BoxName; readonly path: FilePath }) => Promise<void>>
> = { GET: readEntry, HEAD: readEntry, PUT: putEntry, DELETE: removeEntry }

type Place = Parameters<(typeof onPath)[string]>[1]

async function readEntry(ask: Ask, place: Place): Promise<void> {
  const { version = null } = queryOf(operations.readFile, ask.request)
  const manner = wantsTar(headersOf(operations.readFile, ask.request)) ? asTar : asFile
  await reveal(ask, { ...place, version }, manner)
}

async function putEntry({ vault, caller, request, response }: Ask, { box, path }: Place): Promise<void> {
  const edit = await editOfPut(request, path, queryOf(operations.putEntry, request))
  const conditions = conditionsOf(headersOf(operations.putEntry, request))
  changed(response, await vault.change(caller, box, { edits: [edit], partial: false, ...conditions }))
}

async function removeEntry({ vault, caller, request, response }: Ask, { box, path }: Place): Promise<void> {
  const { recursive } = queryOf(operations.removeEntry, request)
  const edit: IncomingEdit = { op: 'remove', path, recursive }
  const conditions = conditionsOf(headersOf(operations.removeEntry, request))
  changed(response, await vault.change(caller, box, { edits: [edit], partial: false, ...conditions }))
}

async function editOfPut(
  request: Request,
  path: FilePath,
  { type, mode }: QueryOf<typeof operations.putEntry>
): Promise<IncomingEdit> {
  switch (type) {
    case 'file':
      return { op: 'file', path, mode: mode ?? defaultFileMode, bytes: piecesOf(request) }
    case 'directory':
      await refuseBody(request)
      return { op: 'directory', path, mode: mode ?? defaultDirectoryMode }
    case 'symlink':
      return { op: 'symlink', path, target: parseLinkTarget(await readTarget(request)) }
  }
}

async function readTarget(request: Request): Promise<string> {
  const refusal = new SecretboxError('invalid', `the body may have at most ${maxLinkBytes} bytes`)
  return (await readBody(request, maxLinkBytes, refusal)).toString()
}
