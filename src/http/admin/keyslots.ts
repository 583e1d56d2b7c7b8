import type { Request, Response } from 'express'
import { fileType } from '../../api/media-types.ts'
import { operations } from '../../api/operations.ts'
import { SecretboxError } from '../../base/errors.ts'
import type { BoxName } from '../../base/names.ts'
import { newBytes, Secret } from '../../base/secret.ts'
import type { Caller } from '../../vault/access/authority.ts'
import type { Reencrypted } from '../../vault/box-rotation.ts'
import type { Keyslots, NewCredential } from '../../vault/keyslots.ts'
import { bodyTooLarge } from '../transport/answers.ts'
import { readBody } from '../transport/body.ts'
import { queryOf } from '../transport/request.ts'
import { refuseBody } from './ask.ts'
import type { Route, ServeJson } from './route.ts'

/** More than a passphrase, a recovery code or a key file has. */
const maxBytes = 4096

/** What answers about the key of the vault. */
export interface KeyParts {
  readonly keyslots: Keyslots
  readonly rotateRoot: (caller: Caller) => Promise<void>
  readonly rotateBox: (caller: Caller, box: BoxName) => Promise<Reencrypted>
}

/** `/keyslots`, `/rotate`, `/seal` and `/unseal`. */
export function serveKeyslots(
  route: Route,
  serve: ServeJson,
  { keyslots, rotateRoot, rotateBox }: KeyParts,
  callerOf: (request: Request) => Caller
): void {
  serve('listKeyslots', async caller => ({ keyslots: await keyslots.list(caller) }))
  route('addKeyslot', async (request, response) => {
    const { name, kind, recipient } = queryOf(operations.addKeyslot, request)
    await withNew(request, kind, recipient, async wish =>
      give(response.status(201), await keyslots.add(callerOf(request), name, wish))
    )
  })
  route('replaceKeyslot', async (request, response) => {
    const { name, kind, recipient } = queryOf(operations.replaceKeyslot, request)
    await withNew(request, kind, recipient, async wish =>
      give(response, await keyslots.replace(callerOf(request), name, wish))
    )
  })
  serve('removeKeyslot', async (caller, { name }) => {
    const boxes = await keyslots.remove(caller, name)
    return { keyslots: await keyslots.list(caller), boxes: [...boxes] }
  })
  serve('testKeyslot', (caller, { name, kind }, request) =>
    withBody(request, async given => ({ opens: await keyslots.test(caller, name, { kind, given }) }))
  )
  serve('rotateRoot', async caller => {
    await rotateRoot(caller)
    return { keyslots: (await keyslots.list(caller)).length }
  })
  serve('rotateBox', (caller, { box }) => rotateBox(caller, box))
  serve('seal', async caller => {
    await keyslots.seal(caller)
    return { sealed: true }
  })
  serve('unseal', (caller, { name = null, kind }, request) =>
    withBody(request, async given => {
      await keyslots.unseal(caller, { kind, given }, name)
      return { sealed: false }
    })
  )
}

/** A passphrase and a recipient's key come with the request; the others are made here. */
async function withNew(
  request: Request,
  kind: NewCredential['kind'],
  recipient: string | undefined,
  use: (wish: NewCredential) => Promise<void>
): Promise<void> {
  if ((kind === 'recipient') !== (recipient !== undefined))
    throw new SecretboxError('invalid', 'name a recipient for a keyslot of that kind, and for no other')
  if (kind === 'recipient' && recipient !== undefined) {
    await withBody(request, given => use({ kind, given, recipient }))
    return
  }
  if (kind === 'passphrase') {
    await withBody(request, given => use({ kind, given }))
    return
  }
  await refuseBody(request)
  if (kind !== 'recipient') await use({ kind })
}

/** Reads a short body, and zeroes it afterwards. */
async function withBody<T>(request: Request, use: (given: Secret) => Promise<T>): Promise<T> {
  const refusal = bodyTooLarge(maxBytes)
  const given = new Secret(await readBody(request, maxBytes, refusal))
  try {
    return await use(given)
  } finally {
    given.wipe()
  }
}

/** Sends what opens a slot, once; nothing for what the caller knows. */
function give(response: Response, secret: Secret | null): Promise<void> {
  const bytes = newBytes(secret?.length ?? 0)
  if (secret !== null) bytes.set(secret.bytes())
  return new Promise(resolve => {
    response.once('close', () => {
      bytes.fill(0)
      secret?.wipe()
      resolve()
    })
    response.set('Cache-Control', 'no-store').type(fileType).end(bytes)
  })
}
