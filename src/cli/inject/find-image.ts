import type { Cli } from '../declare/cli.ts'
import { askEngine, findEngineSocket } from '../client/engine.ts'
import type { Labels } from './labels.ts'

/** What the Engine says of an image (`GET /images/{name}/json`), as far as it is read here. */
interface Image {
  readonly Config: {
    readonly Labels?: Labels | null
    readonly Volumes?: Readonly<Record<string, unknown>> | null
  } | null
}

/** What an image says about the containers that are made of it. */
export interface ImageConfig {
  readonly labels: Labels
  /** Where a container gets an anonymous volume, unless it is given something else there. */
  readonly volumes: readonly string[]
}

/** What an image says, or null when the Engine does not have it. Throws `OutOfReach`. */
export async function findImage(
  { env, docker }: Pick<Cli, 'env' | 'docker'>,
  name: string
): Promise<ImageConfig | null> {
  const socket = await findEngineSocket(env, docker)
  const path = name.split('/').map(encodeURIComponent).join('/')
  const image = await askEngine<Image>(socket, `/images/${path}/json`)
  if (image === null) return null
  return { labels: image.Config?.Labels ?? {}, volumes: Object.keys(image.Config?.Volumes ?? {}) }
}
