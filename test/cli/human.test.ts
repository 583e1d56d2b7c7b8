import { expect, test } from 'vitest'
import { counted, humanAge, humanSize } from '../../src/cli/output/human.ts'

test('sizes read as docker writes them', () => {
  expect([0, 32, 999, 1000, 1234, 12_345_678, 134_217_728].map(humanSize)).toEqual([
    '0B',
    '32B',
    '999B',
    '1kB',
    '1.234kB',
    '12.35MB',
    '134.2MB'
  ])
})

test('ages are given in the unit that fits', () => {
  const now = Date.parse('2026-06-01T00:00:00Z')
  const ago = (seconds: number) => humanAge(new Date(now - seconds * 1000).toISOString(), now)
  expect([0, 1, 59, 60, 7200, 86_400 * 3, 86_400 * 20, 86_400 * 90, 86_400 * 800].map(ago)).toEqual([
    'just now',
    '1 second ago',
    '59 seconds ago',
    '1 minute ago',
    '2 hours ago',
    '3 days ago',
    '2 weeks ago',
    '3 months ago',
    '2 years ago'
  ])
  expect(humanAge('someday', now)).toBe('someday')
})

test('nouns agree with their count', () => {
  expect([counted(0, 'file'), counted(1, 'file'), counted(2, 'file')]).toEqual([
    '0 files',
    '1 file',
    '2 files'
  ])
})
