import { errnoOf, reasonOf } from '../base/errors.ts'
import { begin } from './begin.ts'
import { errorLines, exitCodes } from './output/failure.ts'
import { readStart } from './start.ts'

// Whoever reads our output may stop at any time: that is no failure worth a word.
process.stdout.on('error', error => {
  if (errnoOf(error) !== 'EPIPE')
    process.stderr.write(errorLines(new Error(`cannot write to standard output: ${reasonOf(error)}`)))
  process.exit(errnoOf(error) === 'EPIPE' ? exitCodes.done : exitCodes.failed)
})
process.stderr.on('error', () => process.exit(exitCodes.failed))

void begin(readStart, process).then(exitCode => {
  process.exitCode = exitCode
})
