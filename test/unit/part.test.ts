import { expect, test } from 'vitest'
import { SecretboxError } from '../../src/base/errors.ts'
import { linkEnd } from '../../src/vault/boxes/links.ts'
import { parseFilePath, type FilePath } from '../../src/base/names.ts'
import { partOf } from '../../src/vault/boxes/part.ts'
import type { Entry } from '../../src/vault/boxes/tree.ts'

const at = parseFilePath
const limits = { maxBoxEntries: 1000, maxBoxBytes: 1000 }

/** A tree from lines: `path/`, `path -> target`, `path=contents`; parents are made. */
function treeOf(...lines: string[]): Map<FilePath, Entry<string>> {
  const tree = new Map<FilePath, Entry<string>>()
  for (const line of lines) {
    const [, path = '', kind, text = ''] = /^(.*?)(\/$| -> |=)(.*)$/s.exec(line) ?? []
    const names = path.split('/')
    for (let depth = 1; depth < names.length; depth++) {
      tree.set(at(names.slice(0, depth).join('/')), { type: 'directory', mode: 0o755 })
    }
    if (kind === '/') tree.set(at(path), { type: 'directory', mode: 0o750 })
    else if (kind === '=') {
      tree.set(at(path), { type: 'file', mode: 0o640, size: text.length, content: { inline: text } })
    } else tree.set(at(path), { type: 'symlink', target: text })
  }
  return tree
}

function lines(tree: ReadonlyMap<FilePath, Entry<string>>): string[] {
  return [...tree]
    .map(([path, entry]) => {
      if (entry.type === 'directory') return `${path}/`
      if (entry.type === 'symlink') return `${path} -> ${entry.target}`
      return `${path}=${'inline' in entry.content ? entry.content.inline : ''}`
    })
    .sort()
}

function part(tree: ReadonlyMap<FilePath, Entry<string>>, path: string): string[] {
  return lines(partOf(tree, at(path), limits, entry => ({ ...entry })))
}

const certbot = treeOf(
  'live/d/privkey.pem -> ../../archive/d/privkey2.pem',
  'live/d/README=words',
  'live/current -> d',
  'archive/d/privkey2.pem=key2',
  'renewal/d.conf=conf'
)

test.each([
  ['live/d', ['README=words', 'privkey.pem=key2']],
  ['live/current', ['README=words', 'privkey.pem=key2']],
  ['live', ['current -> d', 'd/', 'd/README=words', 'd/privkey.pem=key2']],
  ['live/d/privkey.pem', ['privkey.pem=key2']],
  ['live/current/privkey.pem', ['privkey.pem=key2']],
  ['archive', ['d/', 'd/privkey2.pem=key2']]
])('%s of what certbot makes', (path, expected) => {
  expect(part(certbot, path)).toEqual(expected)
})

test('the whole box is itself', () => {
  expect(partOf(certbot, at(''), limits, entry => entry)).toBe(certbot)
})

test('what Kubernetes writes keeps its symlinks, which stay in the part', () => {
  const kubernetes = treeOf('k/..2/tls.key=k2', 'k/..data -> ..2', 'k/tls.key -> ..data/tls.key', 'other=x')
  const expected = ['..2/', '..2/tls.key=k2', '..data -> ..2', 'tls.key -> ..data/tls.key']
  expect(part(kubernetes, 'k')).toEqual(expected)
  expect(part(kubernetes, 'k/..data')).toEqual(['tls.key=k2'])
})

test('a directory that is led to comes with what is in it, and with what its own symlinks lead to', () => {
  const tree = treeOf(
    'app/conf -> ../shared/v1',
    'app/by-conf -> conf/deep/file',
    'shared/v1/deep/file=deep',
    'shared/v1/inside -> deep/file',
    'shared/v1/outside -> ../key',
    'shared/key=key'
  )
  expect(part(tree, 'app')).toEqual([
    'by-conf -> conf/deep/file',
    'conf/',
    'conf/deep/',
    'conf/deep/file=deep',
    'conf/inside -> deep/file',
    'conf/outside=key'
  ])
})

test('symlinks to nothing, out of the box, and to directories around them stay as they are', () => {
  const tree = treeOf(
    'a/nowhere -> ../none',
    'a/absolute -> /b/f',
    'a/above -> ../../b/f',
    'a/up -> ..',
    'a/itself -> ../a',
    'a/loop -> ../c',
    'c -> a/loop',
    'a/to-b -> ../b',
    'b/back -> ../a',
    'b/f=f'
  )
  expect(part(tree, 'a')).toEqual([
    'above -> ../../b/f',
    'absolute -> /b/f',
    'itself -> ../a',
    'loop -> ../c',
    'nowhere -> ../none',
    'to-b/',
    'to-b/back -> ../a',
    'to-b/f=f',
    'up -> ..'
  ])
})

test('directories that lead to each other over and over are refused once it is too much', () => {
  const rows = Array.from({ length: 12 }, (_, i) => [`d${i}/l -> ../d${i + 1}`, `d${i}/r -> ../d${i + 1}`])
  const tree = treeOf('d12/f=f', ...rows.flat())
  expect(() => part(tree, 'd0')).toThrow('what the symlinks in "d0" lead to is more than a box may hold')
  const large = treeOf(`big=${'x'.repeat(400)}`, 'd/1 -> ../big', 'd/2 -> ../big', 'd/3 -> ../big')
  expect(() => part(large, 'd')).toThrow(SecretboxError)
})

test('what is shown in a second place is an entry of its own', () => {
  const shown = partOf(certbot, at('live/d'), limits, entry => ({ ...entry }))
  expect(shown.get(at('privkey.pem'))).not.toBe(certbot.get(at('archive/d/privkey2.pem')))
  expect(shown.get(at('README'))).toBe(certbot.get(at('live/d/README')))
})

test.each([
  ['live/d/privkey.pem', { leads: 'inside', to: 'archive/d/privkey2.pem' }],
  ['live/current', { leads: 'inside', to: 'live/d' }]
])('%s leads to an entry', (path, expected) => {
  expect(linkEnd(certbot, at(path))).toEqual(expected)
})

test('a path that leads to nothing says by which symlink', () => {
  expect(() => part(treeOf('l -> nowhere'), 'l')).toThrow(
    'cannot read "l": it is a symlink to "nowhere", which is not in the box'
  )
})
