import type { Request, Response } from 'express'
import { tarType } from '../../api/media-types.ts'
import { SecretboxError } from '../../base/errors.ts'
import type { BoxName, FilePath } from '../../base/names.ts'
import type { Caller } from '../../vault/access/authority.ts'
import type { Vault } from '../../vault/vault.ts'
import { readBody } from '../transport/body.ts'
import type { Manner } from './box-answers.ts'
import type { Meet } from './meet.ts'
import type { DescribedVolume } from './status.ts'

/** What the boxes are answered from, and all volumes, of which some show them. */
export interface BoxParts {
  readonly vault: Vault
  readonly allVolumes: () => Promise<DescribedVolume[]>
  readonly meet: Meet
}

/** Somebody's request about boxes, and where the answer goes. */
export interface Ask extends BoxParts {
  readonly caller: Caller
  readonly request: Request
  readonly response: Response
}

/** What the headers of a change say. */
interface Conditions {
  readonly 'If-Match': number | undefined
  readonly 'If-None-Match'?: '*' | undefined
}

/** Which version must be the newest, null for any; and whether what is there already is to stay as it is. */
export function conditionsOf(headers: Conditions): { ifVersion: number | null; ifAbsent: boolean } {
  return { ifVersion: headers['If-Match'] ?? null, ifAbsent: headers['If-None-Match'] !== undefined }
}

/** By the header alone: Express says no to a tree without a body, which would then be taken for a new box. */
export function isTar(request: Request): boolean {
  return request.get('Content-Type')?.split(';', 1)[0]?.trim().toLowerCase() === tarType
}

/** Whether the answer is to be a tree. */
export function wantsTar({ Accept: types }: { readonly Accept: string | undefined }): boolean {
  return types?.includes(tarType) ?? false
}

/** Throws `invalid` for a request with a body. */
export async function refuseBody(request: Request): Promise<void> {
  const refusal = new SecretboxError('invalid', 'the request takes no body', {
    hint: `to put a tree into a box, send Content-Type: ${tarType}`
  })
  await readBody(request, 0, refusal)
}

/** What of a box's contents is wished: null is the newest version. */
interface Wished {
  readonly box: BoxName
  readonly version: number | null
  readonly path: FilePath
}

/**
 * Sends contents, which is recorded as a reading of them; or the head alone, which tells no more than a listing. Throws what
 * `Vault.open` and the manner throw.
 */
export async function reveal(
  { vault, caller, request, response }: Ask,
  { box, version, path }: Wished,
  manner: Manner
): Promise<void> {
  if (request.method === 'HEAD')
    await vault.open(caller, 'inspect', { box }, version, opened => {
      manner.head({ opened, path, response })
      response.end()
      return Promise.resolve()
    })
  else
    await vault.open(caller, 'reveal', { box, path }, version, opened =>
      manner.whole({ opened, path, response })
    )
}
