import { quote, SecretboxError } from '../base/errors.ts'
import { leaveOneOut } from '../base/messages.ts'
import type { BoxName, FilePath } from '../base/names.ts'
import { Secret } from '../base/secret.ts'
import { mostEnvBytes, mostVariables } from '../base/variables.ts'
import { shellWord } from '../base/shell-word.ts'
import type { Caller } from './access/authority.ts'
import type { Manifest } from './boxes/manifest.ts'
import { fileAt } from './boxes/tree.ts'
import {
  digestOfPieces,
  pieceOfFiles,
  pieceOfVariable,
  pieceOfVersion,
  type DigestPiece
} from './injected/digest.ts'
import { BadLine, readVariables, type Variable } from './injected/env-file.ts'
import { readWhole, type OpenedVersion } from './opened-version.ts'
import type { Vault } from './vault.ts'

/** What of a box a container is given: null is the newest version. */
interface Given {
  readonly box: BoxName
  readonly version: number | null
}

/** Files at a place of the container; `path` as the volume option. */
export interface GivenFiles extends Given {
  readonly path: FilePath
  readonly target: string
}

/** The variables of a file; null: of the only file in the box. */
export interface GivenVariables extends Given {
  readonly path: FilePath | null
}

/** Everything that a container is to be given. */
export interface ToInject {
  readonly files: readonly GivenFiles[]
  readonly environment: readonly GivenVariables[]
}

/** What that is, without a secret. */
export interface Injected {
  /** Equal for equal secrets at equal places, in this vault, and for equal versions of what is never revealed; 64 hex digits. */
  readonly digest: string
  /** As they were asked for. */
  readonly files: { readonly box: BoxName; readonly version: number }[]
  readonly environment: {
    readonly box: BoxName
    readonly version: number
    readonly path: FilePath
    /** Their names. */
    readonly variables: readonly string[]
  }[]
}

/**
 * Reads all of it, for a caller who may use these boxes. Throws `not_found`, and `invalid` for a file that is none of
 * variables, or has one that another has.
 */
export async function whatIsInjected(
  vault: Pick<Vault, 'use'>,
  caller: Caller,
  asked: ToInject
): Promise<Injected> {
  const pieces: DigestPiece[] = []
  const files: Injected['files'][number][] = []
  const environment: Injected['environment'][number][] = []
  for (const { box, version, path, target } of asked.files) {
    await vault.use(caller, box, version, async (opened, key) => {
      const part = opened.part(path)
      pieces.push(
        opened.box.isNeverRevealed
          ? pieceOfVersion(key, givenOf(opened, path, target))
          : await pieceOfFiles(key, target, part, entry => opened.read(entry))
      )
      files.push({ box, version: opened.info.version })
    })
  }
  const places = new Map<string, string>()
  let spareBytes = mostEnvBytes
  for (const { box, version, path: given } of asked.environment) {
    await vault.use(caller, box, version, async (opened, key) => {
      const path = await pathOfVariables(opened, given)
      const place = `${box}:${path}`
      const bytes = await bytesOf(opened, path, place, spareBytes)
      spareBytes -= bytes.length
      const names = usingVariables(bytes, place, variables => {
        for (const { name } of variables) refuseTwice(places, name, place)
        if (places.size > mostVariables)
          throw cannotTake(place, `with them there are more than ${mostVariables}`)
        pieces.push(
          ...(opened.box.isNeverRevealed
            ? [pieceOfVersion(key, givenOf(opened, path, 'variables'))]
            : variables.map(variable => pieceOfVariable(key, variable)))
        )
        return variables.map(({ name }) => name)
      })
      environment.push({ box, version: opened.info.version, path, variables: names })
    })
  }
  return { digest: digestOfPieces(pieces), files, environment }
}

function givenOf(
  { box, info }: OpenedVersion,
  path: FilePath,
  place: string
): Parameters<typeof pieceOfVersion>[1] {
  return { boxId: box.id, version: info.version, path, place }
}

/** Reads the variables in `bytes`, and wipes both when they were used. */
function usingVariables<T>(bytes: Secret, place: string, use: (variables: readonly Variable[]) => T): T {
  let variables: readonly Variable[] = []
  try {
    variables = readVariables(bytes.bytes())
    return use(variables)
  } catch (error) {
    if (!(error instanceof BadLine)) throw error
    throw cannotTake(place, error.message, error.hint)
  } finally {
    for (const { value } of variables) value.wipe()
    bytes.wipe()
  }
}

async function bytesOf(
  opened: OpenedVersion,
  path: FilePath,
  place: string,
  spareBytes: number
): Promise<Secret> {
  if (opened.tree.get(path)?.type === 'directory') throw cannotTake(place, 'it is a directory')
  const entry = fileAt(opened.tree, path)
  if (entry.size >= spareBytes)
    throw cannotTake(place, 'there is more than 1 MiB of them', 'give it as a file: --inject')
  return new Secret(await readWhole(opened, entry))
}

/** Which file is meant. Of a credential it is the one that its type makes for this: others are written for other readers. */
async function pathOfVariables(opened: OpenedVersion, given: FilePath | null): Promise<FilePath> {
  const { box, tree } = opened
  const known = await opened.variablesFiles()
  if (known === null) return given ?? onlyFileIn(box.name, tree)
  const files = [...tree.keys()].filter(path => known.includes(path))
  const path = given ?? files[0]
  if (path !== undefined && (!tree.has(path) || files.includes(path))) return path
  const type = `its type ${quote(box.kind?.type ?? '')} gives`
  if (files.length === 0)
    throw cannotTake(given === null ? box.name : `${box.name}:${given}`, `${type} no file of variables`)
  throw cannotTake(
    `${box.name}:${given ?? ''}`,
    `${type} variables as ${quote(files[0] ?? '')}`,
    `leave the file out: ${shellWord(box.name)}`
  )
}

function onlyFileIn(box: BoxName, tree: Manifest): FilePath {
  const files = [...tree].filter(([, { type }]) => type === 'file').map(([path]) => path)
  const [file] = files.sort()
  if (file === undefined) throw cannotTake(box, 'it holds no file')
  if (files.length === 1) return file
  throw cannotTake(box, `it holds ${files.length} files`, `name one, as in "${box}:${file}"`)
}

function refuseTwice(places: Map<string, string>, name: string, place: string): void {
  const other = places.get(name)
  if (other === undefined) places.set(name, place)
  else throw cannotTake(place, `${quote(name)} is in ${quote(other)}, too`, leaveOneOut)
}

function cannotTake(place: string, reason: string, hint?: string): SecretboxError {
  const message = `cannot take the variables of ${quote(place)}: ${reason}`
  return new SecretboxError('invalid', message, hint === undefined ? {} : { hint })
}
