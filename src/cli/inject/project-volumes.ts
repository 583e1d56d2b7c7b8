import * as z from 'zod/mini'
import { composeLabels } from '../../base/compose-labels.ts'
import { askEngine, findEngineSocket } from '../client/engine.ts'
import type { Cli } from '../declare/cli.ts'

/** What the Engine says of volumes (`GET /volumes`), as far as it is read here. */
const Volumes = z.object({
  Volumes: z.nullish(z.array(z.object({ Labels: z.nullish(z.record(z.string(), z.string())) })))
})

/** The volumes of a project of compose, by their names in it. */
export async function volumesOfProject(cli: Pick<Cli, 'env' | 'docker'>, project: string): Promise<string[]> {
  const socket = await findEngineSocket(cli.env, cli.docker)
  const filters = encodeURIComponent(JSON.stringify({ label: [`${composeLabels.project}=${project}`] }))
  const found = await askEngine(socket, `/volumes?filters=${filters}`, Volumes)
  return (found?.Volumes ?? []).flatMap(({ Labels }) => Labels?.[composeLabels.volume] ?? [])
}
