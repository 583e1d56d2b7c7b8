import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/*
 * All tests, as `make test` runs them: types, lint and format count as one test each, then vitest's. The last
 * line of the output is `N passed, N failed` (and `, N skipped` if any were); the exit code is 1 if any failed.
 */
interface Counts {
  passed: number
  failed: number
  skipped: number
}

/** The part of vitest's JSON report that counts. */
interface Report {
  numPassedTests: number
  numFailedTests: number
  numPendingTests: number
  numTodoTests: number
  success: boolean
}

const checks: readonly [name: string, script: string, ...args: string[]][] = [
  ['types', 'node_modules/typescript/bin/tsc', '--project', '.'],
  ['lint', 'node_modules/eslint/bin/eslint.js', '.'],
  ['format', 'node_modules/prettier/bin/prettier.cjs', '--check', '--log-level', 'warn', '.']
]

const total: Counts = { passed: 0, failed: 0, skipped: 0 }
for (const [name, script, ...args] of checks) {
  const startedMs = Date.now()
  const passed = (await exitCode([script, ...args])) === 0
  console.log(`${passed ? 'passed' : 'FAILED'}  ${name}  ${Date.now() - startedMs} ms`)
  total[passed ? 'passed' : 'failed']++
}
const tests = await runVitest()
total.passed += tests.passed
total.failed += tests.failed
total.skipped += tests.skipped
console.log(
  `${total.passed} passed, ${total.failed} failed${total.skipped > 0 ? `, ${total.skipped} skipped` : ''}`
)
process.exitCode = total.failed > 0 ? 1 : 0

function exitCode(args: readonly string[]): Promise<number> {
  const child = spawn(process.execPath, args, { stdio: 'inherit' })
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', code => resolve(code ?? 1))
  })
}

/** Vitest's counts. A run that died, found no test, or failed outside of any test counts as one failure at least. */
async function runVitest(): Promise<Counts> {
  const scratch = await mkdtemp(join(tmpdir(), 'secretbox-report-'))
  const file = join(scratch, 'report.json')
  try {
    const vitest = ['node_modules/vitest/vitest.mjs', 'run', '--reporter=default', '--reporter=json']
    const code = await exitCode([...vitest, `--outputFile.json=${file}`])
    const report = JSON.parse(await readFile(file, 'utf8').catch(() => 'null')) as Report | null
    if (report === null) return { passed: 0, failed: 1, skipped: 0 }
    const failed = report.numFailedTests
    const broken = code !== 0 || !report.success || report.numPassedTests === 0
    return {
      passed: report.numPassedTests,
      failed: failed === 0 && broken ? 1 : failed,
      skipped: report.numPendingTests + report.numTodoTests
    }
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}
