import fc from 'fast-check'
import { expect, test } from 'vitest'
import { SecretboxError } from '../../src/base/errors.ts'
import {
  childOf,
  parentOf,
  parseBoxName,
  parseFilePath,
  parseLinkTarget,
  parseMountId,
  parseVolumeName,
  type FilePath
} from '../../src/base/names.ts'

/** The error that `parse` refuses with. */
function refusal(parse: () => unknown): SecretboxError {
  try {
    parse()
  } catch (error) {
    if (error instanceof SecretboxError && error.code === 'invalid') return error
  }
  throw new Error('taken')
}

test.each([
  'a',
  '.a',
  '...',
  ' ',
  'a b',
  'ünïcödé',
  '日本',
  '-rf',
  '%2e%2e',
  '\\',
  'é'.repeat(127),
  'x'.repeat(255)
])('a box and a volume may be called %j', name => {
  expect(parseBoxName(name)).toBe(name)
  expect(parseVolumeName(name)).toBe(name)
})

const badNames: [name: string, shown: string, reason: string][] = [
  ['', '""', 'it is empty'],
  ['.', '"."', '"." and ".." are not names'],
  ['..', '".."', '"." and ".." are not names'],
  ['a/b', '"a/b"', 'it contains "/"'],
  ['../x', '"../x"', 'it contains "/"'],
  ['a:b', '"a:b"', 'it contains ":"'],
  ['a\0b', '"a\\u0000b"', 'it contains a control character'],
  ['a\nb', '"a\\nb"', 'it contains a control character'],
  ['\u001b[2J', '"\\u001b[2J"', 'it contains a control character'],
  ['\u007f', '"\u007f"', 'it contains a control character'],
  ['\ud800', '"\\ud800"', 'it is not valid Unicode'],
  ['x'.repeat(256), `"${'x'.repeat(256)}"`, 'it is longer than 255 bytes'],
  ['é'.repeat(128), `"${'é'.repeat(128)}"`, 'it is longer than 255 bytes']
]

test.each(badNames)('nothing may be called %j', (name, shown, reason) => {
  const hint = 'a name is 1 to 255 bytes of UTF-8 without "/", ":" or control characters'
  expect(refusal(() => parseBoxName(name))).toMatchObject({
    message: `bad box name ${shown}: ${reason}`,
    hint
  })
  expect(refusal(() => parseVolumeName(name))).toMatchObject({
    message: `bad volume name ${shown}: ${reason}`,
    hint
  })
})

test.each([
  ['a/b/c', 'a/b/c'],
  ['/a/b/c', 'a/b/c'],
  ['../a/b/c', 'a/b/c'],
  ['../../..', ''],
  ['', ''],
  ['/', ''],
  ['.', ''],
  ['a//b/./c/', 'a/b/c'],
  ['a/../../b', 'b'],
  ['a:b\n/\u0007', 'a:b\n/\u0007'],
  ['...', '...']
])('the path %j means %j', (written, path) => {
  expect(parseFilePath(written)).toBe(path)
})

test('paths that Linux would not take are refused with the reason', () => {
  const deep = 'd/'.repeat(2048)
  expect(parseFilePath(`${deep.slice(0, -1)}x`)).toHaveLength(4096)
  expect(refusal(() => parseFilePath(`${deep}x`)).message).toMatch(
    /^bad path "d\/d\/.*…": it is longer than 4096 bytes$/
  )
  expect(refusal(() => parseFilePath(`a/${'x'.repeat(256)}`)).message).toMatch(
    /: a component is longer than 255 bytes$/
  )
  expect(parseFilePath(`a/${'x'.repeat(255)}`)).toHaveLength(257)
  expect(refusal(() => parseFilePath('a\0b')).message).toBe('bad path "a\\u0000b": it contains a NUL byte')
  expect(refusal(() => parseFilePath('a\udfff')).message).toBe('bad path "a\\udfff": it is not valid Unicode')
})

test('a path is clean whatever was written, and reading it again changes nothing', () => {
  const piece = fc.oneof(fc.constantFrom('..', '.', '', 'a'), fc.string({ unit: 'grapheme', maxLength: 4 }))
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), pieces => {
      const written = pieces.join('/').replaceAll('\0', '')
      const path = parseFilePath(written)
      const components = path === '' ? [] : path.split('/')
      expect(components.filter(component => ['', '.', '..'].includes(component))).toEqual([])
      expect(parseFilePath(path)).toBe(path)
    })
  )
})

test('a symlink target is kept as it is written, within what the kernel takes', () => {
  expect(parseLinkTarget('../../etc//passwd/.')).toBe('../../etc//passwd/.')
  expect(parseLinkTarget('x'.repeat(4095))).toHaveLength(4095)
  for (const target of ['', 'x'.repeat(4096), 'a\0b', '\ud800']) {
    expect(refusal(() => parseLinkTarget(target)).message).toMatch(
      /^bad symlink target ".*…?": a target is 1 to 4095 bytes of UTF-8 without NUL$/
    )
  }
})

test('a mount ID is a plain file name', () => {
  for (const id of ['a'.repeat(64), 'x', '_-.', 'A'.repeat(128)]) expect(parseMountId(id)).toBe(id)
  for (const id of ['', '.', '..', '.hidden', 'a/b', 'a b', 'ü', 'a\n', 'A'.repeat(129)]) {
    expect(refusal(() => parseMountId(id)).message).toMatch(
      /^bad mount ID ".*": an ID is 1 to 128 letters, digits, "_", "-" or "."$/
    )
  }
})

test('parents and children of paths fit together', () => {
  const path = 'a/b' as FilePath
  expect([parentOf(path), parentOf('a' as FilePath), parentOf('' as FilePath)]).toEqual(['a', '', null])
  expect(childOf('' as FilePath, 'a')).toBe('a')
  expect(childOf(path, 'c')).toBe('a/b/c')
})
