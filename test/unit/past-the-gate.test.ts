import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const src = new URL('../../src/', import.meta.url).pathname
const files = globSync('**/*.ts', { cwd: src }).filter(file => !file.startsWith('cli/'))

/** The daemon's files that call what a pattern names. */
function callersOf(pattern: RegExp): string[] {
  return files.filter(file => pattern.test(readFileSync(join(src, file), 'utf8'))).sort()
}

test('boxes are read by their records where no caller is, and else by the permit of whoever asks', () => {
  expect(callersOf(/\b(readBox|allBoxes)\(/)).toEqual([
    'vault/boxes/find.ts',
    'vault/boxes/granted.ts',
    'vault/boxes/records.ts',
    'vault/boxes/version-records.ts',
    'vault/identity/identity.ts',
    'vault/policies.ts',
    'vault/sweep.ts'
  ])
})

test('keys are had from the gate, or to find out whether there are any', () => {
  expect(callersOf(/\.keyring\(\)/)).toEqual([
    'controller/unsealing.ts',
    'vault/action/gate.ts',
    'vault/open.ts'
  ])
})

test('the rule is asked by the gate alone', () => {
  expect(callersOf(/\b(mayAct|authority)\(/)).toEqual(['vault/action/gate.ts', 'vault/action/permit.ts'])
})
