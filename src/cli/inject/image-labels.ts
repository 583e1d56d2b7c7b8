import type { Cli } from '../cli.ts'
import { askEngine, findEngineSocket } from '../engine.ts'
import type { Labels } from './labels.ts'

/** What the Engine says of an image (`GET /images/{name}/json`), as far as it is read here. */
interface Image {
  readonly Config: { readonly Labels: Labels | null } | null
}

/** The labels of an image, or null when the Engine does not have it. Throws `OutOfReach`. */
export async function imageLabels(
  { env, docker }: Pick<Cli, 'env' | 'docker'>,
  name: string
): Promise<Labels | null> {
  const socket = await findEngineSocket(env, docker)
  const path = name.split('/').map(encodeURIComponent).join('/')
  const image = await askEngine<Image>(socket, `/images/${path}/json`)
  return image === null ? null : (image.Config?.Labels ?? {})
}
