import { SecretboxError } from '../../base/errors.ts'
import type { Docker } from './docker.ts'

/** How docker is to be called for a build by BuildKit. */
export interface Builder {
  readonly words: readonly string[]
  readonly env: NodeJS.ProcessEnv
}

/** The first client that has no BuildKit of its own and hands builds to buildx. */
const firstWithout = 23

/**
 * Finds BuildKit: by buildx where there is one, else in the client itself, which had it until 22. A client that
 * knows buildx is called by its own `build`, so that the image lands where the user is used to. Throws `unavailable`.
 */
export async function findBuilder(docker: Docker): Promise<Builder> {
  const hasBuildx = (await docker.ask(['buildx', 'version'])) !== null
  const major = Number(/version (\d+)\./.exec((await docker.ask(['--version'])) ?? '')?.[1] ?? firstWithout)
  if (hasBuildx && major < firstWithout) return { words: ['buildx', 'build'], env: {} }
  if (hasBuildx || major < firstWithout) return { words: ['build'], env: { DOCKER_BUILDKIT: '1' } }
  throw new SecretboxError(
    'unavailable',
    'cannot give boxes to a build: this docker client has no BuildKit',
    {
      hint: 'install buildx (the package docker-buildx-plugin, or docker-buildx), or a docker client older than 23'
    }
  )
}
