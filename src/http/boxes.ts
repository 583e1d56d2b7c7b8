import type { Request, Response, RequestHandler } from 'express'
import { z } from 'zod'
import { quote, SecretboxError } from '../errors.ts'
import { releaseBytes, Secret } from '../secret.ts'
import type { Caller } from '../vault/authority.ts'
import type { ChangeResult, IncomingEdit } from '../vault/change.ts'
import { parseFilePath, parseLinkTarget, type BoxName, type FilePath } from '../vault/names.ts'
import { fileAt, subtree } from '../vault/tree.ts'
import type { BoxSummary, OpenedVersion, Vault } from '../vault/vault.ts'
import {
  flagIn,
  modeIn,
  onlyIfAbsent,
  parseAddress,
  textOf,
  versionAsked,
  versionExpected
} from './address.ts'
import { discardBody, piecesOf, readBody } from './body.ts'
import { editsFromTar, tarOf } from './tar.ts'

/** The mode of a file that was put without one. */
const defaultFileMode = 0o600
const tarType = 'application/x-tar'
const maxLinkBytes = 8192

const Patch = z.union([
  z.strictObject({
    remove: z.array(z.strictObject({ path: z.string(), recursive: z.boolean().default(false) })).min(1)
  }),
  z.strictObject({ rollback: z.number().int().min(1) })
])

/** `/vault/…`: the boxes over HTTP, as docs/openapi.yaml has them. `callerOf` says who asks. */
export function boxRoutes(vault: Vault, callerOf: (request: Request) => Caller): RequestHandler {
  return async (request, response) => {
    try {
      const caller = callerOf(request)
      const address = parseAddress(request.path)
      const ask = { vault, caller, request, response }
      if (address.box === null) {
        allow(request, ['GET', 'HEAD'])
        response.json({ boxes: (await vault.list(caller)).map(summaryJson) })
      } else if (address.isBox) await onBox(ask, address.box)
      else await onPath(ask, address.box, address.path)
    } finally {
      discardBody(request)
    }
  }
}

interface Ask {
  readonly vault: Vault
  readonly caller: Caller
  readonly request: Request
  readonly response: Response
}

async function onBox(ask: Ask, box: BoxName): Promise<void> {
  const { vault, caller, request, response } = ask
  switch (request.method) {
    case 'GET':
    case 'HEAD':
      if (wantsTar(request)) await sendTar(ask, box, parseFilePath(''))
      else sendListing(response, await vault.look(caller, box, versionAsked(request)))
      return
    case 'PUT':
      if (isTar(request)) {
        const change = { edits: editsFromTar(request), partial: true, ...conditionsOf(request) }
        changed(response, await vault.change(caller, box, change))
      } else {
        await refuseBody(request)
        created(response, await vault.create(caller, box))
      }
      return
    case 'PATCH':
      await patchBox(ask, box)
      return
    case 'DELETE':
      await vault.destroy(caller, box, versionExpected(request))
      response.json({ name: box })
      return
    default:
      allow(request, ['GET', 'HEAD', 'PUT', 'PATCH', 'DELETE'])
  }
}

async function patchBox({ vault, caller, request, response }: Ask, box: BoxName): Promise<void> {
  const patch = Patch.safeParse(request.body)
  if (!patch.success) {
    throw new SecretboxError(
      'invalid',
      'bad change: it must be {"remove": [{"path", "recursive"}]} or {"rollback": version}'
    )
  }
  const ifVersion = versionExpected(request)
  if ('rollback' in patch.data) {
    changed(response, await vault.rollback(caller, box, patch.data.rollback, ifVersion))
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
      return wantsTar(request) ? sendTar(ask, box, path) : sendFile(ask, box, path)
    case 'PUT':
      return apply(await editOfPut(request, path))
    case 'DELETE':
      return apply({ op: 'remove', path, recursive: flagIn('recursive', request.query['recursive']) })
    default:
      allow(request, ['GET', 'HEAD', 'PUT', 'DELETE'])
  }
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

function sendListing(response: Response, opened: OpenedVersion): void {
  const { box, info, tree } = opened
  const files = [...tree].map(([path, entry]) => ({
    path,
    type: entry.type,
    ...(entry.type === 'symlink'
      ? { target: entry.target }
      : { mode: entry.mode.toString(8).padStart(4, '0') }),
    ...(entry.type === 'file' ? { size: entry.size } : {})
  }))
  opened.wipe()
  files.sort((a, b) => (a.path < b.path ? -1 : 1))
  tagged(response, info.version).json({
    name: box.name,
    id: box.id,
    version: info.version,
    created: box.created,
    changed: info.created,
    bytes: info.bytes,
    files
  })
}

async function sendFile(
  { vault, caller, request, response }: Ask,
  box: BoxName,
  path: FilePath
): Promise<void> {
  const opened = await vault.reveal(caller, box, versionAsked(request), path)
  try {
    const file = fileAt(opened.tree, path)
    tagged(response, opened.info.version)
      .type('application/octet-stream')
      .set('Content-Length', String(file.size))
    if (request.method === 'HEAD') return void response.end()
    const bytes = opened.read(file)
    await send(response, bytes instanceof Secret ? [bytes.bytes()] : bytes)
  } finally {
    opened.wipe()
  }
}

async function sendTar(
  { vault, caller, request, response }: Ask,
  box: BoxName,
  path: FilePath
): Promise<void> {
  const opened = await vault.reveal(caller, box, versionAsked(request), path)
  try {
    const tree = subtree(opened.tree, path)
    tagged(response, opened.info.version).type(tarType)
    if (request.method === 'HEAD') return void response.end()
    await send(response, tarOf({ ...opened, tree }))
  } finally {
    opened.wipe()
  }
}

/** Sends pieces one after another, waiting until the kernel has each, and releases them. Stops when the reader goes away. */
async function send(
  response: Response,
  pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>
): Promise<void> {
  for await (const piece of pieces) {
    try {
      await new Promise<void>((resolve, reject) => {
        response.write(piece, error => (error ? reject(error) : resolve()))
      })
    } catch (error) {
      // The memory itself may still be under way.
      piece.fill(0)
      throw error
    }
    releaseBytes(piece)
  }
  response.end()
}

function tagged(response: Response, version: number): Response {
  return response.set('ETag', `"${version}"`).set('Cache-Control', 'no-store')
}

function created(response: Response, box: BoxSummary): void {
  tagged(response.status(201), box.newest.version).json({ name: box.name, version: box.newest.version })
}

function changed(response: Response, { version, applied, errors }: ChangeResult): void {
  tagged(response, version).json({
    version,
    applied,
    errors: errors.map(({ path, error }) => ({
      path,
      code: error.code,
      message: error.message,
      ...(error.hint === undefined ? {} : { hint: error.hint })
    }))
  })
}

function conditionsOf(request: Request): { ifVersion: number | null; ifAbsent: boolean } {
  return { ifVersion: versionExpected(request), ifAbsent: onlyIfAbsent(request) }
}

/** A box as listings show it. */
export function summaryJson({ name, created, newest }: BoxSummary): Record<string, unknown> {
  return {
    name,
    version: newest.version,
    files: newest.files,
    bytes: newest.bytes,
    created,
    changed: newest.created
  }
}

/** By the header alone: Express says no to a tree without a body, which would then be taken for a new box. */
function isTar(request: Request): boolean {
  return request.get('Content-Type')?.split(';', 1)[0]?.trim().toLowerCase() === tarType
}

function wantsTar(request: Request): boolean {
  return request.get('Accept')?.includes(tarType) ?? false
}

function allow(request: Request, methods: string[]): void {
  if (methods.includes(request.method)) return
  throw new SecretboxError(
    'invalid',
    `cannot ${request.method} ${quote(request.originalUrl)}: it takes ${methods.join(', ')}`
  )
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
