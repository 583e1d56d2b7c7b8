import type Dockerode from 'dockerode'
import type { DockerLabels } from '../base/own-labels.ts'
import { httpStatusOf } from './answers.ts'

/** An image as the Engine has it. */
export interface Image {
  /** What registries call it: `nginx@sha256:…`. */
  readonly repoDigests: readonly string[]
  /** Null for one that is not there any more, which may have had any. */
  readonly labels: DockerLabels | null
}

/**
 * Asks about an image, as it is for `platform` (JSON; older Engines have one image by an ID, and pay no heed to it). Throws what
 * Dockerode throws.
 */
export async function askImage(
  docker: Dockerode,
  imageId: string,
  platform: string | null,
  { abortSignal }: { abortSignal: AbortSignal }
): Promise<Image> {
  try {
    const { RepoDigests, Config } = await inspected(docker, imageId, platform, abortSignal)
    return { repoDigests: RepoDigests ?? [], labels: Config?.Labels ?? {} }
  } catch (error) {
    if (httpStatusOf(error) === 404) return { repoDigests: [], labels: null }
    throw error
  }
}

/** Engines have null for none, and newer ones leave it out. */
interface InspectedImage {
  readonly RepoDigests?: readonly string[] | null
  readonly Config?: { readonly Labels?: DockerLabels | null } | null
}

/** Dockerode's own call takes neither a platform nor a signal. */
function inspected(
  docker: Dockerode,
  imageId: string,
  platform: string | null,
  abortSignal: AbortSignal
): Promise<InspectedImage> {
  return new Promise((resolve, reject) => {
    docker.modem.dial(
      {
        path: `/images/${encodeURIComponent(imageId)}/json?`,
        ...{ method: 'GET', options: platform === null ? {} : { platform } },
        statusCodes: { 200: true, 404: 'no such image', 500: 'server error' },
        abortSignal
      },
      (error, image) => {
        if (error === null) resolve(image as InspectedImage)
        else reject(error)
      }
    )
  })
}
