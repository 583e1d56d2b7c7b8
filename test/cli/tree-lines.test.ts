import { expect, test } from 'vitest'
import type { BoxEntry } from '../../src/api/boxes.ts'
import { cut, tableLines } from '../../src/cli/output/table.ts'
import { treeLines } from '../../src/cli/output/tree-lines.ts'

const file = (path: string, size: number): BoxEntry => ({ path, type: 'file', mode: '0600', size })

test('a tree shows modes, sizes, targets, and directories that only lie in a path', () => {
  const lines = treeLines([
    { path: 'certs', type: 'directory', mode: '0750' },
    file('certs/ca.pem', 1200),
    { path: 'certs/key.pem', type: 'symlink', target: '../keys/a\nb' },
    { path: 'empty', type: 'directory', mode: '0755' },
    file('keys/ä\u001b', 32)
  ])
  expect(lines).toEqual([
    '├── certs/                        0750',
    '│   ├── ca.pem                    0600   1.2kB',
    '│   └── key.pem -> ../keys/a\\nb',
    '├── empty/                        0755',
    '└── keys/',
    '    └── ä\\u001b                   0600   32B'
  ])
})

test('columns are as wide as their widest cell, and lines can be cut', () => {
  expect(
    tableLines([
      ['A', 'B'],
      ['long name', ''],
      ['ü', 'x']
    ])
  ).toEqual(['A           B', 'long name', 'ü           x'])
  expect([cut('abcdef', 6), cut('abcdef', 4), cut('鍵鍵鍵', 4)]).toEqual(['abcdef', 'abc…', '鍵…'])
})
