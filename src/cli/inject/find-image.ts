import * as z from 'zod/mini'
import type { Cli } from '../declare/cli.ts'
import { askEngine, findEngineSocket, pathOfImage } from '../client/engine.ts'
import type { Labels } from './labels.ts'

/** What the Engine says of an image (`GET /images/{name}/json`), as far as it is read here. */
const Image = z.object({
  Config: z.nullish(
    z.object({
      Labels: z.nullish(z.record(z.string(), z.string())),
      Entrypoint: z.nullish(z.array(z.string())),
      Cmd: z.nullish(z.array(z.string())),
      Healthcheck: z.nullish(z.object({ Test: z.nullish(z.array(z.string())) })),
      Shell: z.nullish(z.array(z.string())),
      User: z.nullish(z.string()),
      Volumes: z.nullish(z.record(z.string(), z.unknown()))
    })
  ),
  Os: z.nullish(z.string()),
  Architecture: z.nullish(z.string())
})

/** What an image says about the containers that are made of it. */
export interface ImageConfig {
  readonly labels: Labels
  /** Where a container gets an anonymous volume, unless it is given something else there. */
  readonly volumes: readonly string[]
  /** What it runs, and what follows unless that is said otherwise. */
  readonly entrypoint: readonly string[]
  readonly command: readonly string[]
  /** Its health check: empty, `["NONE"]`, `["CMD", word…]` or `["CMD-SHELL", text]`. */
  readonly health: readonly string[]
  /** What runs texts of commands. */
  readonly shell: readonly string[]
  /** As whom it runs unless told otherwise: `USER[:GROUP]`; empty means root. */
  readonly user: string
  /** For which machines it is, as `--platform` has it: `linux/amd64`. */
  readonly platform: string
}

/** What an image says, or null when the Engine does not have it. Throws `OutOfReach`. */
export async function findImage(
  { env, docker }: Pick<Cli, 'env' | 'docker'>,
  name: string
): Promise<ImageConfig | null> {
  const socket = await findEngineSocket(env, docker)
  const image = await askEngine(socket, `${pathOfImage(name)}/json`, Image)
  if (image === null) return null
  const { Labels, Volumes, Entrypoint, Cmd, Healthcheck, Shell, User } = image.Config ?? {}
  return {
    labels: Labels ?? {},
    volumes: Object.keys(Volumes ?? {}),
    entrypoint: Entrypoint ?? [],
    command: Cmd ?? [],
    health: Healthcheck?.Test ?? [],
    shell: Shell && Shell.length > 0 ? Shell : ['/bin/sh', '-c'],
    user: User ?? '',
    platform: `${image.Os ?? ''}/${image.Architecture ?? ''}`
  }
}
