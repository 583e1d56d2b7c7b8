import { writeSync } from 'node:fs'
import { openVault } from '../kit/open-vault.ts'
import { maxVersions, restart, steps } from './power-cuts-workload.ts'

/*
 * power-cuts-worker.ts DIRECTORY: makes a vault there and takes all steps, and says on standard output when each
 * begins and when it is done, so that the record of its system calls shows it.
 */
const directory = process.argv[2]
if (directory === undefined) throw new Error('say power-cuts-worker.ts DIRECTORY')

const open = (): ReturnType<typeof openVault> => openVault(directory, { limits: { maxVersions } })
const say = (what: string): void => void writeSync(1, `${what}\n`)

let vault = await open()
say('done 0')
for (const [index, step] of steps.entries()) {
  say(`begun ${index + 1}`)
  if (step === restart) {
    await vault.close()
    vault = await open()
  } else await step.run(vault)
  say(`done ${index + 1}`)
}
await vault.close()
say('closed')
