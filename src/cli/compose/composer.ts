import type { Cli } from '../declare/cli.ts'
import { clientOf, dockerOf, type Docker } from '../inject/docker.ts'

/** A compose that can be run: docker's own plugin, or the program of its own that it was before. */
export interface Composer {
  readonly client: Docker
  /** What stands before its arguments. */
  readonly words: readonly string[]
  /** As it says itself: `2.27.0`, `1.29.2`. */
  readonly version: readonly [major: number, minor: number]
}

/** Finds docker's plugin, else `docker-compose`; null when there is neither. */
export async function findComposer(cli: Cli): Promise<Composer | null> {
  const docker = dockerOf(cli)
  const ofPlugin = versionIn(await docker.ask(['compose', 'version', '--short']))
  if (ofPlugin !== null) return { client: docker, words: ['compose'], version: ofPlugin }
  const { host, context, configDir } = cli.docker
  const chosen = {
    ...(host === null ? {} : { DOCKER_HOST: host }),
    ...(context === null ? {} : { DOCKER_CONTEXT: context }),
    ...(configDir === null ? {} : { DOCKER_CONFIG: configDir })
  }
  const client = clientOf('docker-compose', [], { ...cli, env: { ...cli.env, ...chosen } })
  const version = versionIn(await client.ask(['version', '--short']).catch(() => null))
  return version === null ? null : { client, words: [], version }
}

function versionIn(text: string | null): readonly [number, number] | null {
  const [, major, minor] = /^v?(\d+)\.(\d+)/.exec(text?.trim() ?? '') ?? []
  return major === undefined || minor === undefined ? null : [Number(major), Number(minor)]
}
