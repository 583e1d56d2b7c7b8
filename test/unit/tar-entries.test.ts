import { execFileSync } from 'node:child_process'
import { mkdirSync, truncateSync, writeFileSync, appendFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { SecretboxError } from '../../src/base/errors.ts'
import { entriesOf } from '../../src/tar/entries.ts'
import { archive, end, entry, filled, head, pax, type Dialect } from '../kit/tar-blocks.ts'
import { temporaryDirectory } from '../kit/temporary.ts'

/** Bytes in pieces of a length that divides nothing, each with memory of its own. */
async function* pieces(bytes: Buffer, length = 700): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += length) {
    yield Buffer.from(Uint8Array.prototype.slice.call(bytes, at, at + length))
    await Promise.resolve()
  }
}

/** What is found in an archive: `name type contents`, or the whole refusal. */
async function read(bytes: Buffer): Promise<string[] | string> {
  const found: string[] = []
  try {
    for await (const { header, contents } of entriesOf(pieces(bytes))) {
      const { name, type, what, linkname } = header
      let text = ''
      for await (const piece of contents) text += piece.toString()
      found.push([name, what ?? type, text === '' ? linkname : text].filter(part => part !== '').join(' '))
    }
    return found
  } catch (error) {
    if (!(error instanceof SecretboxError)) throw error
    return error.message
  }
}

const unclear = (size: number) =>
  `bad tar archive: "x" has no contents and a length of ${size}, so that what follows it is not clear`
const known: Readonly<Record<string, string[] | string>> = {
  '\0': ['x file abc', 'after file y'],
  '0': ['x file abc', 'after file y'],
  '7': ['x file abc', 'after file y'],
  '1': unclear(3),
  '2': unclear(3),
  '3': unclear(3),
  '4': unclear(3),
  '5': unclear(3),
  '6': unclear(3),
  x: 'bad tar archive: an extended header in it is damaged',
  X: 'bad tar archive: an extended header in it is damaged',
  g: 'bad tar archive: an extended header in it is damaged',
  L: ['abc file y'],
  K: ['after file y'],
  V: ['after file y'],
  D: ['x directory abc', 'after file y'],
  S: 'bad tar archive: it holds a sparse file in a form that is not known here',
  M: ['x the rest of a file that begins in another volume abc', 'after file y'],
  N: ['x a list of long names, as very old GNU tar wrote it abc', 'after file y'],
  A: ['x an access control list abc', 'after file y'],
  E: ['x an extended attribute abc', 'after file y'],
  I: ['x an inode without its contents abc', 'after file y']
}
const without: Readonly<Record<string, string[] | string>> = {
  '\0': ['x file to', 'after file y'],
  '1': ['x link to', 'after file y'],
  '2': ['x symlink to', 'after file y'],
  '3': ['x a device', 'after file y'],
  '4': ['x a device', 'after file y'],
  '5': ['x directory', 'after file y'],
  '6': ['x a fifo', 'after file y'],
  x: ['after file y'],
  X: ['after file y'],
  g: ['after file y'],
  L: ['file y'],
  K: ['after file y'],
  V: ['after file y']
}

describe.each(['v7', 'ustar', 'gnu', 'pax'] as const)('every type byte, as %s has it', dialectOrPax => {
  const isPax = dialectOrPax === 'pax'
  const dialect: Dialect = isPax ? 'ustar' : dialectOrPax
  const before = isPax ? [pax({ mtime: '1.5', comment: 'ü' })] : []
  const after = entry('y', { name: 'after', dialect })

  test('with contents', async () => {
    for (let byte = 0; byte < 256; byte++) {
      const type = String.fromCharCode(byte)
      const found = await read(archive(...before, entry('abc', { type, dialect, mode: '0000644' }), after))
      const kind = `of a type that is not known here (0x${byte.toString(16).padStart(2, '0')})`
      const sparse = type === 'S' && dialect === 'gnu' ? ['x a sparse file abc', 'after file y'] : null
      expect(found, kind).toEqual(sparse ?? known[type] ?? [`x ${kind} abc`, 'after file y'])
    }
  })

  test('without contents', async () => {
    for (let byte = 0; byte < 256; byte++) {
      const type = String.fromCharCode(byte)
      const found = await read(archive(...before, head({ type, dialect, linkname: 'to' }), after))
      const refused = type === 'S' && dialect !== 'gnu'
      if (refused) expect(found).toBe(known['S'])
      else if (without[type] !== undefined) {
        expect(found, type).toEqual(type === '\0' ? ['x file', 'after file y'] : without[type])
      } else expect(found.at(-1), type).toBe('after file y')
    }
  })
})

describe('names', () => {
  test('come from the header, the field before it, or the headers before that', async () => {
    const long = `${'d'.repeat(150)}/${'f'.repeat(150)}`
    expect(
      await read(
        archive(
          entry('1', { name: 'n'.repeat(100) }),
          entry('2', { name: 'file', prefix: 'front/part' }),
          entry('3', { name: 'file', prefix: 'not a name', dialect: 'gnu' }),
          entry(`${long}\0`, { type: 'L', dialect: 'gnu' }),
          entry('4', { dialect: 'gnu' }),
          entry(`${long}\0`, { type: 'K', dialect: 'gnu' }),
          head({ type: '2', linkname: 'short', dialect: 'gnu' }),
          pax({ path: 'päx\nname', linkpath: 'away' }),
          entry('5', { name: 'cut' }),
          pax({ linkpath: 'tärget' }),
          head({ type: '2', name: 'link', linkname: 'cut' }),
          pax({ path: 'of all' }, 'g'),
          entry('6'),
          pax({ path: 'of one' }),
          entry('7'),
          pax({ path: '' }),
          entry('8', { name: 'own' }),
          entry('9')
        )
      )
    ).toEqual([
      `${'n'.repeat(100)} file 1`,
      'front/part/file file 2',
      'file file 3',
      `${long} file 4`,
      `x symlink ${long}`,
      'päx\nname file 5',
      'link symlink tärget',
      'of all file 6',
      'of one file 7',
      'own file 8',
      'of all file 9'
    ])
  })

  test('that end with a slash are of directories, whatever wrote them', async () => {
    expect(
      await read(archive(head({ name: 'd/', type: '\0', dialect: 'v7' }), entry('abc', { name: 'e/' })))
    ).toEqual(['d/ directory', 'e/ a directory with the contents of a file abc'])
  })

  test('that are no UTF-8 are said to be none', async () => {
    const bad = Buffer.from([0x61, 0xff])
    const found: unknown[] = []
    const bytes = archive(
      head({ name: bad }),
      head({ type: '2', linkname: bad }),
      head({ linkname: bad }),
      head({ name: '\ufffd' })
    )
    for await (const { header } of entriesOf(pieces(bytes))) found.push(header.notUtf8)
    expect(found).toEqual(['name', 'linkname', null, null])
  })
})

describe('numbers', () => {
  test.each<[string, Buffer, string[] | string]>([
    ['octal with spaces', Buffer.from('         3 \0'), ['x file abc']],
    ['octal without an end', Buffer.from('000000000003'), ['x file abc']],
    ['nothing', Buffer.alloc(12), ['x file']],
    ['base 256', Buffer.from('800000000000000000000003', 'hex'), ['x file abc']],
    [
      'a huge one',
      Buffer.from('80000000ffffffffffffffff', 'hex'),
      'bad tar archive: "x" has a size that is no number'
    ],
    [
      'a negative one',
      Buffer.from('ffffffffffffffffffffffff', 'hex'),
      'bad tar archive: "x" has a size that is no number'
    ],
    ['text', Buffer.from('three bytes\0'), 'bad tar archive: "x" has a size that is no number'],
    ['more than there is', Buffer.from('77777777777\0'), 'bad tar archive: it ends in the middle']
  ])('%s', async (_name, size, expected) => {
    const contents = Array.isArray(expected) && expected[0] === 'x file' ? [] : [filled('abc')]
    expect(await read(archive(head({ size }), ...contents))).toEqual(expected)
  })

  test('a length of more than eight gigabytes stands in an extended header', async () => {
    expect(await read(archive(pax({ size: '3' }), head({ size: 0 }), filled('abc')))).toEqual(['x file abc'])
    expect(await read(archive(pax({ size: '-3' }), head({}), filled('abc')))).toBe(
      'bad tar archive: "x" has the length "-3"'
    )
  })

  test('a checksum may be one of signed bytes, and must be right', async () => {
    expect(await read(archive(head({ name: 'ü', checksum: 'signed' })))).toEqual(['ü file'])
    expect(await read(archive(head({}), head({ checksum: 'wrong' })))).toBe(
      'bad tar archive: a header in it is damaged, or missing'
    )
    expect(await read(archive(head({ checksum: 'wrong' })))).toBe(
      'bad tar archive: it does not begin with a header of tar'
    )
  })
})

describe('extended headers', () => {
  test.each([
    ['no length', 'path=x\n'],
    ['a length beyond the end', '99 path=x\n'],
    ['a length that cuts', '9 path=xyz\n'],
    ['no value', '8 path \n'],
    ['no line end', '10 path=xy'],
    ['garbage after one', '10 path=x\n\0\0'],
    ['a length of zero', '0 path=x\n']
  ])('that are damaged are refused: %s', async (_name, text) => {
    expect(await read(archive(entry(text, { type: 'x' }), head({})))).toBe(
      'bad tar archive: an extended header in it is damaged'
    )
  })

  test('that are too long, too many, or about nothing, are refused', async () => {
    expect(await read(archive(head({ type: 'L', size: 2 << 20 })))).toBe(
      'bad tar archive: a name or attribute in it has 2097152 bytes'
    )
    const many = Array.from({ length: 70 }, () => pax({ comment: 'x' }))
    expect(await read(archive(...many, head({})))).toBe(
      'bad tar archive: too much in it is said before an entry'
    )
    expect(await read(archive(pax({ path: 'x' })))).toBe(
      'bad tar archive: a header in it is damaged, or missing'
    )
    expect(await read(Buffer.concat([pax({ path: 'x' })]))).toBe('bad tar archive: it ends in the middle')
  })
})

describe('what GNU tar makes', () => {
  const sparseTree = (): string => {
    const directory = temporaryDirectory()
    mkdirSync(join(directory, 'd'))
    writeFileSync(join(directory, 'd/sp'), '')
    // So many stretches of data that the map does not fit into the header.
    for (let at = 1; at <= 40; at++) {
      truncateSync(join(directory, 'd/sp'), at << 17)
      appendFileSync(join(directory, 'd/sp'), 'data')
    }
    writeFileSync(join(directory, 'd/z'), 'after')
    return directory
  }
  const made = (...args: string[]): Buffer => {
    const directory = sparseTree()
    return execFileSync('tar', ['-C', directory, '-c', '--sort=name', ...args, 'd'], { maxBuffer: 1 << 28 })
  }
  const sparse = /^d\/sp a sparse file/

  test.each([
    ['gnu', ['-S']],
    ['pax 0.0', ['-S', '--format=posix', '--sparse-version=0.0']],
    ['pax 0.1', ['-S', '--format=posix', '--sparse-version=0.1']],
    ['pax 1.0', ['-S', '--format=posix', '--sparse-version=1.0']]
  ])('of sparse files is known to be that, and what follows is found: %s', async (_name, args) => {
    const found = (await read(made(...args))) as string[]
    expect(found.length).toBe(3)
    expect(found[0]).toMatch(/^d\/ directory/)
    expect(found[1]?.slice(0, 40)).toMatch(sparse)
    expect(found[2]).toBe('d/z file after')
  })

  test('of volumes and increments is read', async () => {
    const found = (await read(
      made(`--listed-incremental=${join(temporaryDirectory(), 'snapshot')}`, '-V', 'label')
    )) as string[]
    expect(found.map(line => line.slice(0, 12))).toEqual(['d/ directory', 'd/sp file \0\0', 'd/z file aft'])
  })

  test.each(['v7', 'oldgnu', 'gnu', 'ustar', 'posix'])('in the format %s is read', async format => {
    const found = (await read(made(`--format=${format}`))) as string[]
    expect(found.map(line => line.slice(0, 12))).toEqual(['d/ directory', 'd/sp file \0\0', 'd/z file aft'])
  })
})

describe('the end', () => {
  const one = entry('abc')
  test('must be there, and nothing but zeros or another archive follows', async () => {
    expect(await read(archive(one))).toEqual(['x file abc'])
    expect(await read(Buffer.concat([one, end.subarray(512)]))).toEqual(['x file abc'])
    expect(await read(Buffer.concat([archive(one), Buffer.alloc(10_000)]))).toEqual(['x file abc'])
    expect(await read(Buffer.concat([archive(one), archive(one)]))).toEqual(['x file abc', 'x file abc'])
    expect(await read(end)).toEqual([])
    expect(await read(Buffer.concat([archive(one), Buffer.from('garbage')]))).toBe(
      'bad tar archive: something follows its end'
    )
    expect(await read(Buffer.concat([archive(one), Buffer.alloc(512, 1)]))).toBe(
      'bad tar archive: something follows its end'
    )
  })

  test('is missing wherever an archive is cut', async () => {
    const whole = Buffer.concat([pax({ path: 'y' }), one, entry('n', { type: 'L', dialect: 'gnu' }), one])
    for (let length = 1; length <= whole.length; length++) {
      const found = await read(whole.subarray(0, length))
      expect(found, `${length}`).toMatch(
        length < 512
          ? /^bad tar archive: it does not begin with a header of tar$/
          : /^bad tar archive: it ends in the middle$/
      )
    }
  })
})

test('what is no archive is called what it is', async () => {
  const directory = temporaryDirectory()
  writeFileSync(join(directory, 'f'), 'x'.repeat(5000))
  const tar = execFileSync('tar', ['-C', directory, '-c', 'f'])
  const refusal = async (bytes: Buffer): Promise<unknown> => {
    try {
      for await (const found of entriesOf(pieces(bytes))) expect(found).toBeNull()
    } catch (error) {
      const { message, hint } = error as SecretboxError
      return [message, hint]
    }
    return null
  }
  const compressed = (name: string, undo: string) => [
    `bad tar archive: it is compressed (${name})`,
    `send what "${undo}" makes of it`
  ]
  expect(await refusal(gzipSync(tar))).toEqual(compressed('gzip', 'gzip -dc'))
  expect(await refusal(zstdCompressSync(tar))).toEqual(compressed('zstd', 'zstd -dc'))
  for (const [program, undo] of [
    ['bzip2', 'bzip2 -dc'],
    ['xz', 'xz -dc']
  ] as const) {
    expect(await refusal(execFileSync(program, ['-c'], { input: tar }))).toEqual(compressed(program, undo))
  }
  expect(await refusal(Buffer.from('LZIP\u0001'))).toEqual(compressed('lzip', 'lzip -dc'))
  expect(await refusal(Buffer.from('no archive'))).toEqual([
    'bad tar archive: it does not begin with a header of tar',
    undefined
  ])
  expect(await refusal(Buffer.alloc(0))).toEqual([
    'bad tar archive: there is nothing',
    'an archive of no files has at least its end'
  ])
  // Its own name is the mark of another format.
  expect(await read(archive(entry('abc', { name: 'BZh9' })))).toEqual(['BZh9 file abc'])
})

test('every byte of contents is overwritten, read or not, and so is what comes after damage', async () => {
  const bytes = archive(
    entry('secret1'.repeat(400)),
    entry('secret2'.repeat(400)),
    head({ checksum: 'wrong' }),
    filled('secret3')
  )
  const given: Buffer[] = []
  const source = async function* (): AsyncGenerator<Buffer> {
    for await (const piece of pieces(bytes, 3000)) {
      given.push(piece)
      yield piece
    }
  }
  let first = true
  await expect(async () => {
    for await (const { contents } of entriesOf(source())) {
      if (first) for await (const piece of contents) piece.fill(0)
      first = false
    }
  }).rejects.toThrow('damaged, or missing')
  expect(Buffer.concat(given).includes('secret')).toBe(false)
})
