import { copy, remove } from 'fs-extra/esm'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { projectRoot } from '../../rootfs-build/bundle.ts'
import { randomFrom } from '../kit/random.ts'
import { failuresIn, type Report } from '../kit/report.ts'
import { mutated, mutationsOf, wordsFor, type Mutation } from './mutations.ts'

/*
 * run.ts: breaks one thing of the sources after the other, MUTANTS (30) of them, chosen by SEED (1), in a copy of this
 * checkout, and asks the tests without an Engine each time whether they notice: first those that import the file, then
 * those of the programs that it is a part of, then all. Prints what each was and which test noticed it; exit code 1 only
 * if the tests fail of themselves. A mutant that changes nothing anybody could see survives, too: read the survivors.
 */
const count = Number(process.env['MUTANTS'] || 30)
const seed = Number(process.env['SEED'] || 1)
/** A mutant may hang; no test takes as long of itself. */
const hangsMs = { test: 120_000, run: 20 * 60_000 }

interface Mutant extends Mutation {
  readonly file: string
  readonly source: string
}

/** What a copy of this checkout does without: it is big, or made anew. */
const left = ['node_modules', 'build', '.git']
const checkout = await mkdtemp(join(tmpdir(), 'secretbox-mutants-'))
try {
  await copy(projectRoot, checkout, { filter: path => !left.includes(relative(projectRoot, path)) })
  await symlink(join(projectRoot, 'node_modules'), join(checkout, 'node_modules'))
  const failed = await failedTest(['run'])
  if (failed === null) await play(chosen(await all()))
  else console.log(`nothing is broken yet, and this fails: ${failed}`)
  process.exitCode = failed === null ? 0 : 1
} finally {
  await remove(checkout)
}

/** Every mutant of the sources, in the order of their places. */
async function all(): Promise<readonly Mutant[]> {
  const names = (await readdir(join(checkout, 'src'), { recursive: true })).sort()
  const files = names.filter(name => name.endsWith('.ts')).map(name => join('src', name))
  const found = files.map(async file => {
    const source = await readFile(join(checkout, file), 'utf8')
    return mutationsOf(source).map(mutation => ({ ...mutation, file, source }))
  })
  return (await Promise.all(found)).flat()
}

function chosen(mutants: readonly Mutant[]): readonly Mutant[] {
  const random = randomFrom(seed)
  const left = [...mutants]
  return Array.from({ length: Math.min(count, left.length) }, () =>
    left.splice(random.below(left.length), 1)
  ).flat()
}

async function play(mutants: readonly Mutant[]): Promise<void> {
  let noticed = 0
  for (const [at, mutant] of mutants.entries()) {
    await writeFile(join(checkout, mutant.file), mutated(mutant.source, mutant))
    const by = await noticedBy(mutant.file)
    await writeFile(join(checkout, mutant.file), mutant.source)
    if (by !== null) noticed++
    const verdict = by === null ? 'SURVIVED' : `noticed by ${by}`
    console.log(`${at + 1}. ${mutant.file}:${wordsFor(mutant.source, mutant)}\n   ${verdict}`)
  }
  console.log(`${noticed} of ${mutants.length} noticed, SEED=${seed}`)
}

/** The first test that fails, or null. */
async function noticedBy(file: string): Promise<string | null> {
  const programs = file.startsWith('src/cli')
    ? ['test/cli', 'test/rows']
    : ['test/http', 'test/daemon', 'test/copies']
  for (const tests of [['related', '--run', file], ['run', ...programs], ['run']]) {
    const failed = await failedTest(tests)
    if (failed !== null) return failed
  }
  return null
}

async function failedTest(args: readonly string[]): Promise<string | null> {
  const limits = [`--testTimeout=${hangsMs.test}`, `--hookTimeout=${hangsMs.test}`]
  const more = ['--project', 'main', '--bail', '1', '--reporter=json', '--passWithNoTests', ...limits]
  const vitest = spawn(process.execPath, ['node_modules/vitest/vitest.mjs', ...args, ...more], {
    cwd: checkout,
    stdio: ['ignore', 'pipe', 'ignore'],
    timeout: hangsMs.run
  })
  const [text, [code]] = await Promise.all([
    vitest.stdout.setEncoding('utf8').toArray(),
    once(vitest, 'close') as Promise<[number | null]>
  ])
  return code === 0 ? null : (firstFailure(text.join('')) ?? 'a run that ended before any test')
}

function firstFailure(text: string): string | null {
  const report = JSON.parse(/^\{.*\}$/ms.exec(text)?.[0] ?? '{"testResults":[]}') as Report
  const [first] = failuresIn(report)
  if (first === undefined) return null
  const file = first.file.slice(checkout.length + 1)
  return first.test === null ? file : `${file}: ${first.test}`
}
