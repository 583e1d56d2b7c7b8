import * as z from 'zod/mini'
import type { Cli } from '../declare/cli.ts'
import { askEngine, findEngineSocket } from '../client/engine.ts'

/** What the Engine says of itself (`GET /info`), as far as it is read here. */
const Info = z.object({
  DockerRootDir: z.nullish(z.string()),
  SecurityOptions: z.nullish(z.array(z.string()))
})

/** Who root of a container is to the host; numbers as text. */
export interface RemappedRoot {
  readonly uid: string
  readonly gid: string
}

/**
 * Who root of a container is to the host, on an Engine with `--userns-remap`; null without. Such an Engine puts that
 * into the name of its own directory (moby, daemon/daemon_unix.go, setupDaemonRoot): `/var/lib/docker/100000.100000`.
 */
export async function remappedRoot({
  env,
  docker
}: Pick<Cli, 'env' | 'docker'>): Promise<RemappedRoot | null> {
  const info = await askEngine(await findEngineSocket(env, docker), '/info', Info)
  if (info?.SecurityOptions?.includes('name=userns') !== true) return null
  const [, uid, gid] = /\/(\d+)\.(\d+)$/.exec(info.DockerRootDir ?? '') ?? []
  return uid === undefined || gid === undefined ? null : { uid, gid }
}
