import { z } from 'zod'
import { base64 } from '../../base/base64.ts'
import { quote, SecretboxError } from '../../base/errors.ts'
import { grantCommand } from '../../base/messages.ts'
import { newBytes } from '../../base/secret.ts'
import type { Caller } from '../../vault/access/authority.ts'
import type { ContainerFacts } from '../../vault/access/containers.ts'
import { Denial } from '../../vault/access/denial.ts'
import { isForSome } from '../../vault/access/uses.ts'
import { parseBoxName, parseFilePath, type BoxName } from '../../base/names.ts'
import { fileAt } from '../../vault/boxes/tree.ts'
import { readWhole, type OpenedVersion } from '../../vault/opened-version.ts'
import type { Vault } from '../../vault/vault.ts'

/** The labels of a Swarm secret that say which file of which box it is. */
const boxLabel = 'io.secretbox.box'
const fileLabel = 'io.secretbox.file'

/** A manager of a swarm takes secrets of 1 byte up to this many less one (moby/swarmkit, api/validation/secrets.go). */
const maxSecretBytes = 500 * 1024

/** What a manager asks with, as far as it matters here (moby/swarmkit, manager/drivers/secrets.go). */
export const SecretRequest = z.object({
  SecretName: z.string().default(''),
  SecretLabels: z.record(z.string(), z.string()).nullish(),
  ServiceName: z.string().optional(),
  ServiceLabels: z.record(z.string(), z.string()).nullish(),
  TaskID: z.string().optional(),
  TaskName: z.string().optional(),
  TaskImage: z.string().optional()
})

/**
 * `/SecretProvider.GetSecret`: the file that a secret's labels name, of the box's newest version, as the JSON of
 * the reply, which the caller zeroes. The manager is told to ask again for every task, so that a new one gets the
 * new version. Recorded with service and task. Throws `invalid`, `not_found`, `too_large`, `sealed`, and `denied` for a
 * closed box unless a grant is for the task, by its image, its name or the labels of its service.
 */
export async function getSecret(
  vault: Pick<Vault, 'open'>,
  request: z.infer<typeof SecretRequest>
): Promise<Buffer> {
  const { SecretName: secret, ServiceName: service, TaskImage: image } = request
  const box = parseBoxName(labelled(secret, request.SecretLabels, boxLabel))
  const path = parseFilePath(labelled(secret, request.SecretLabels, fileLabel))
  const task = request.TaskName ?? request.TaskID
  const facts = factsOf(request)
  return vault.open(engine, 'serve', { box, path, service, task, image }, null, async (opened, record) => {
    if (opened.users !== null && !isForSome(facts, opened.users)) throw refusalOfService(box, service, facts)
    const file = fileAt(opened.tree, path)
    if (file.size === 0 || file.size >= maxSecretBytes) {
      throw new SecretboxError(
        file.size === 0 ? 'invalid' : 'too_large',
        `cannot serve ${quote(path)} of box ${quote(box)} as a secret: it has ${file.size} bytes, Swarm takes 1 to ${maxSecretBytes - 1}`
      )
    }
    await record([])
    return replyWith(opened, file)
  })
}

const engine: Caller = { kind: 'engine' }

/** The container that the task is to be, as far as the manager tells of it. */
function factsOf({ TaskName, TaskImage, ServiceLabels }: z.infer<typeof SecretRequest>): ContainerFacts {
  const [, digest] = TaskImage?.split('@', 2) ?? []
  return {
    name: TaskName ?? null,
    image: TaskImage ?? null,
    digests: digest === undefined ? [] : [digest],
    labels: ServiceLabels ?? {},
    // The labels of a service are no image's.
    ofImage: { labels: {}, repoDigests: digest === undefined || TaskImage === undefined ? [] : [TaskImage] }
  }
}

function refusalOfService(box: BoxName, service: string | undefined, { image }: ContainerFacts): Denial {
  const of = image === null ? '' : ` (image ${quote(image)})`
  return new Denial('denied', `service ${quote(service ?? '')}${of} may not use box ${quote(box)}`, {
    hint: grantCommand(box, `image:${image ?? 'REFERENCE'}`, 'use'),
    details: {},
    containers: []
  })
}

function labelled(
  secret: string,
  labels: Readonly<Record<string, string>> | null | undefined,
  label: string
): string {
  const value = labels?.[label]
  if (value === undefined || value === '') {
    throw new SecretboxError('invalid', `secret ${quote(secret)} has no label ${label}`, {
      hint: `create it with: docker secret create -d secretbox -l ${boxLabel}=BOX -l ${fileLabel}=PATH NAME`
    })
  }
  return value
}

const before = Buffer.from('{"Value":"')
const after = Buffer.from('","DoNotReuse":true}')

async function replyWith(opened: OpenedVersion, file: Parameters<OpenedVersion['read']>[0]): Promise<Buffer> {
  const bytes = await readWhole(opened, file)
  try {
    const value = base64(bytes)
    const reply = newBytes(before.length + value.length + after.length)
    reply.set(before)
    reply.set(value, before.length)
    reply.set(after, before.length + value.length)
    value.fill(0)
    return reply
  } finally {
    bytes.fill(0)
  }
}
