import { remove } from 'fs-extra/esm'
import { spawn } from 'node:child_process'
import { mkdtemp, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { createInterface } from 'node:readline'
import { buildForEngines } from './kit/built.ts'
import { processorSeconds, tableOfCosts } from './kit/costs.ts'
import { runCommand } from './kit/engine/command.ts'
import { failuresIn, type Failure, type Report } from './kit/report.ts'
import { withOwnEngine } from './kit/with-own-engine.ts'

/*
 * All tests, as `make test` runs them: types with lint and format count as one test each, then vitest's. They go side by
 * side, more of them than there are processors, since those with an Engine wait most of the time. What failed is told
 * once more at the end, for it is far up by then. The last line of the output is `N passed, N failed` (and `, N skipped` if any were); the exit code
 * is 1 if any failed. With `--with-engine` it is only the tests that start an Engine.
 */
interface Counts {
  passed: number
  failed: number
  skipped: number
  /** A few lines each. */
  failures: readonly string[]
}

const tellsLines = 12
/** Of the test files that took most, to keep an eye on them. */
const toldCosts = 12

type Step = () => Promise<Counts>

/** How many steps go side by side. */
const atOnce = 4

/** Of the files with an Engine of their own those that take longest: begun last, one would go on alone. */
const longest = ['faults/live-restore', 'faults/plain', 'install', 'build'].map(
  name => `test/engine/${name}.test.ts`
)
const others = withOwnEngine.filter(file => !longest.includes(file))

const onlyWithEngine = process.argv.includes('--with-engine')
const unlessOnly = (step: Step): Step[] => (onlyWithEngine ? [] : [step])

const steps: readonly Step[] = [
  ...unlessOnly(vitest('main')),
  vitest('engine'),
  ...longest.map(file => vitest('own-engine', file)),
  ...unlessOnly(check('types and lint', 'node_modules/oxlint/bin/oxlint')),
  ...others.map(file => vitest('own-engine', file)),
  ...unlessOnly(
    check('format', 'node_modules/prettier/bin/prettier.cjs', '--check', '--log-level', 'warn', '.')
  )
]

const total = { passed: 0, failed: 0, skipped: 0 }
const failures: string[] = []
let reports = 0
const beganMs = Date.now()
const scratch = await mkdtemp(join(tmpdir(), 'secretbox-report-'))
const costs = join(scratch, 'costs')
await writeFile(costs, '')
console.log(`tests with an Engine use:\n${await versionsOfDocker()}`)
// Before any of them begins: both would build the same files.
await buildForEngines()
const queue = steps.values()
await Promise.all(
  Array.from({ length: atOnce }, async () => {
    for (const step of queue) {
      const counts = await step()
      total.passed += counts.passed
      total.failed += counts.failed
      total.skipped += counts.skipped
      failures.push(...counts.failures)
    }
  })
)
console.log(`\nthe dearest test files:\n${tableOfCosts(costs, toldCosts)}`)
await remove(scratch)
for (const failure of failures) console.log(`\nFAILED  ${failure}`)
console.log(
  `${Math.round((Date.now() - beganMs) / 1000)} s, ${Math.round(processorSeconds())} s of processors`
)
console.log(
  `${total.passed} passed, ${total.failed} failed${total.skipped > 0 ? `, ${total.skipped} skipped` : ''}`
)
process.exitCode = total.failed > 0 ? 1 : 0

function check(name: string, script: string, ...args: string[]): Step {
  return async () => {
    const startedMs = Date.now()
    const isGood = (await exitCode([script, ...args])) === 0
    console.log(`${isGood ? 'passed' : 'FAILED'}  ${name}  ${Date.now() - startedMs} ms`)
    return { passed: isGood ? 1 : 0, failed: isGood ? 0 : 1, skipped: 0, failures: isGood ? [] : [name] }
  }
}

/** Runs the tests of a project, or these files of it. A run that died, found no test, or failed outside of any test counts as one failure at least. */
function vitest(project: string, ...files: string[]): Step {
  return async () => {
    const file = join(scratch, `report-${++reports}.json`)
    const args = ['run', '--project', project, '--reporter=default', '--reporter=json', ...files]
    const code = await exitCode(['node_modules/vitest/vitest.mjs', ...args, `--outputFile.json=${file}`])
    const report = JSON.parse(await readFile(file, 'utf8').catch(() => 'null')) as Report | null
    if (report === null) return { passed: 0, failed: 1, skipped: 0, failures: [`${project}: no report`] }
    const failed = report.numFailedTests
    const failures = failuresIn(report).map(told)
    const broken = code !== 0 || !report.success || report.numPassedTests === 0
    return {
      passed: report.numPassedTests,
      failed: failed === 0 && broken ? 1 : failed,
      skipped: report.numPendingTests + report.numTodoTests,
      failures: failures.length === 0 && broken ? [`${project}: outside of any test`] : failures
    }
  }
}

/** Of what is on the PATH, a line each. */
async function versionsOfDocker(): Promise<string> {
  const programs = ['dockerd', 'runc', 'docker', 'docker-compose']
  const said = await Promise.all(programs.map(program => runCommand(program, ['--version'])))
  return programs.map((program, at) => `  ${program}: ${said[at]?.split('\n')[0] ?? ''}`).join('\n')
}

/** In a few lines. */
function told({ file, test, why }: Failure): string {
  const lines = why.split('\n').slice(0, tellsLines)
  return [`${relative('.', file)} > ${test ?? 'as a whole'}`, ...lines].join('\n  ')
}

/** Runs a script of a package; its lines go to our output whole, for others write there meanwhile. */
async function exitCode(args: readonly string[]): Promise<number> {
  const child = spawn(process.execPath, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, TEST_COSTS: costs }
  })
  for (const stream of [child.stdout, child.stderr])
    createInterface(stream).on('line', line => process.stdout.write(`${line}\n`))
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', code => resolve(code ?? 1))
  })
}
