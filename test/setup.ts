import { buildSupervisor, supervisorOfSources } from '../rootfs-build/supervisor.ts'

/** What daemons that are run from their sources need: the supervisor, which takes orders to fail. */
export default async function setUp(): Promise<void> {
  await buildSupervisor(supervisorOfSources, { faultPoints: true })
}
