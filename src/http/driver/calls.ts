import { z } from 'zod'
import { SecretboxError } from '../../base/errors.ts'
import { parseMountId, parseVolumeName } from '../../base/names.ts'
import type { ProcessIdentity } from '../../base/process-identity.ts'
import type { Mounts } from '../../lifecycle/mounts.ts'
import type { Caller } from '../../vault/access/authority.ts'
import type { Vault } from '../../vault/vault.ts'
import type { Volumes } from '../../volumes/volumes.ts'
import { getSecret, SecretRequest } from './secret-provider.ts'
import { describeVolume, listedVolume, type StatusParts } from './volume-status.ts'

/** What the calls answer from. */
export interface CallParts extends StatusParts {
  readonly volumes: Volumes
  readonly mounts: Mounts
  readonly vault: Pick<Vault, 'open'>
}

const engine: Caller = { kind: 'engine' }

const textField = z.string('it must be a string')
const mustBeObject = 'it must be an object'
const Name = z.object({ Name: textField }, mustBeObject)
const Create = z.object(
  { Name: textField, Opts: z.record(textField, textField, mustBeObject).nullish() },
  mustBeObject
)
const Use = z.object({ Name: textField, ID: textField }, mustBeObject)

/** The calls that come without a body. */
export const takesNothing: ReadonlySet<string> = new Set([
  'Plugin.Activate',
  'VolumeDriver.Capabilities',
  'VolumeDriver.List'
])

/** Who is at the other end of a call, and what is to be done if the reply does not get there. */
export interface OtherEnd {
  readonly engineProcess: () => ProcessIdentity | null
  readonly onLost: (undo: () => Promise<void>) => void
}

/** One call: reads its body (already JSON) and gives the reply, as bytes of JSON where it holds a secret. */
export type Call = (
  body: unknown,
  connection: OtherEnd
) => Promise<Record<string, unknown> | Buffer> | Record<string, unknown>

/** The calls, by the paths that they come to. */
export function driverCalls(parts: CallParts): Readonly<Record<string, Call>> {
  const { volumes, mounts } = parts
  return {
    'Plugin.Activate': () => ({ Implements: ['VolumeDriver', 'secretprovider'] }),
    'VolumeDriver.Capabilities': () => ({ Capabilities: { Scope: 'local' } }),
    'VolumeDriver.Create': async body => {
      const { Name: name, Opts: options } = parse(Create, body)
      await volumes.create(engine, parseVolumeName(name), options ?? {})
      return {}
    },
    'VolumeDriver.Remove': async body => {
      await volumes.remove(engine, parseVolumeName(parse(Name, body).Name))
      return {}
    },
    'VolumeDriver.Get': async body => ({
      Volume: await describeVolume(parts, await volumes.get(parseVolumeName(parse(Name, body).Name)))
    }),
    'VolumeDriver.List': async () => ({
      Volumes: (await volumes.list()).map(listedVolume)
    }),
    'VolumeDriver.Path': async body => {
      await volumes.get(parseVolumeName(parse(Name, body).Name))
      return { Mountpoint: '' }
    },
    'VolumeDriver.Mount': async (body, { engineProcess, onLost }) => {
      const use = parse(Use, body)
      const [name, id] = [parseVolumeName(use.Name), parseMountId(use.ID)]
      const path = await mounts.mount(engine, name, id, engineProcess())
      // The Engine that gave up meanwhile will not send an Unmount (Engine fact 7).
      onLost(() => mounts.unmount(engine, name, id))
      return { Mountpoint: path }
    },
    'VolumeDriver.Unmount': async body => {
      const use = parse(Use, body)
      await mounts.unmount(engine, parseVolumeName(use.Name), parseMountId(use.ID))
      return {}
    },
    'SecretProvider.GetSecret': body => getSecret(parts.vault, parse(SecretRequest, body))
  }
}

function parse<T>(schema: z.ZodType<T>, body: unknown): T {
  const parsed = schema.safeParse(body)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  const field = issue?.path.join('.') ?? ''
  throw new SecretboxError(
    'invalid',
    `bad request: ${field === '' ? 'the body' : field}: ${issue?.message ?? ''}`
  )
}
