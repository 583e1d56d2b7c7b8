import { expect, test } from 'vitest'
import { cut, tableLines, widthOf } from '../../src/cli/output/table.ts'

test.each([
  ['abc', 3],
  ['日本', 4],
  ['한글', 4],
  ['ｆｕｌｌ', 8],
  ['🔑', 2],
  ['e\u0301', 1],
  ['ü ✓ …', 5],
  ['', 0]
])('%s takes %i columns of a terminal', (text, width) => {
  expect(widthOf(text)).toBe(width)
})

test('columns stand below each other whatever is in them', () => {
  expect(
    tableLines([
      ['BOX', 'SIZE'],
      ['日本', '1B'],
      ['e\u0301a', '2B']
    ])
  ).toEqual(['BOX    SIZE', '日本   1B', 'e\u0301a     2B'])
})

test('a line is cut where the terminal ends', () => {
  expect(cut('abcdef', 6)).toBe('abcdef')
  expect(cut('abcdef', 4)).toBe('abc…')
  expect(cut('日本語', 5)).toBe('日本…')
  expect(cut('日本語', 4)).toBe('日…')
})
