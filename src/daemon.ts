import { runSupervised } from './supervised.ts'

/*
 * The program. What it is made of is loaded only once it is the daemon: a process that becomes the supervisor has no
 * use for it.
 */
const supervisorDir = runSupervised(process.env)
const { runDaemon } = await import('./run-daemon.ts')
await runDaemon(supervisorDir)
