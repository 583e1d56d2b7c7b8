import * as z from 'zod/mini'
import { askEngine, findEngineSocket, pathOfImage } from './engine.ts'
import type { EngineChoice } from './invocation.ts'

/** With which Engine. */
interface Chosen {
  readonly env: NodeJS.ProcessEnv
  readonly docker: EngineChoice
}

const digest = 'sha(?:256:[0-9a-f]{64}|512:[0-9a-f]{128})'
/** An image as the Engine has it (`GET /images/{name}/json`). */
const Image = z.object({
  Id: z.string().check(z.regex(new RegExp(`^${digest}$`))),
  RepoDigests: z.nullish(z.array(z.string().check(z.regex(new RegExp(`^[^@]+@${digest}$`)))))
})

/**
 * By what an image is known exactly: its ID, which with containerd's store is that of its manifest, and what registries call
 * it (`nginx@sha256:…`). Null when the Engine does not have it. Throws `OutOfReach`.
 */
export async function findDigests(
  { env, docker }: Chosen,
  name: string
): Promise<{ readonly id: string; readonly repoDigests: readonly string[] } | null> {
  const socket = await findEngineSocket(env, docker)
  const image = await askEngine(socket, `${pathOfImage(name)}/json`, Image)
  return image && { id: image.Id, repoDigests: image.RepoDigests ?? [] }
}

const Images = z.array(z.object({ RepoTags: z.nullish(z.array(z.string())) }))

/** What the images are called that the Engine has. Throws `OutOfReach`. */
export async function imageNames({ env, docker }: Chosen): Promise<string[]> {
  const images = (await askEngine(await findEngineSocket(env, docker), '/images/json', Images)) ?? []
  // Older Engines call one without a name so.
  return images.flatMap(({ RepoTags }) => RepoTags ?? []).filter(name => name !== '<none>:<none>')
}
