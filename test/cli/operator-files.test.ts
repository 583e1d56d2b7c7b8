import { ensureDir } from 'fs-extra/esm'
import { rmSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { chmod, mkdir, symlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import { withFiles, type OperatorFile, type Taking } from '../../src/cli/files/operator-files.ts'
import { parseFilePath } from '../../src/base/names.ts'
import { runProgram } from '../kit/run-program.ts'
import { temporaryDirectory } from '../kit/temporary.ts'

let directory: string
beforeEach(() => {
  directory = temporaryDirectory()
})

const everything: Taking = { recursive: true, follow: 'never' }

/** What is found, as `path type`, with a symlink's target or a file's contents; and what is refused. */
async function find(
  source: string,
  path: string,
  taking: Taking = everything,
  meanwhile: () => void = () => undefined
): Promise<[found: string[], refused: string[]]> {
  const refused: string[] = []
  const refuse = ({ message, hint }: { message: string; hint: string | undefined }) => {
    refused.push(hint === undefined ? message : `${message} (${hint})`)
  }
  const operands = [{ source, path: parseFilePath(path) }]
  const found = await withFiles(operands, taking, refuse, async files => {
    meanwhile()
    const lines: string[] = []
    for (const file of files) lines.push(await described(file))
    return lines
  })
  return [found, refused]
}

async function described(file: OperatorFile): Promise<string> {
  const more = { file: contentsOf, directory: modeOf, symlink: targetOf, stream: bytesOf }[file.type]
  return `${file.path} ${file.type} ${await (more as (file: OperatorFile) => Promise<string> | string)(file)}`
}
const modeOf = (file: OperatorFile & { type: 'directory' }) => file.mode.toString(8)
const targetOf = (file: OperatorFile & { type: 'symlink' }) => file.target
const bytesOf = (file: OperatorFile & { type: 'stream' }) => file.bytes.toString()
async function contentsOf(file: OperatorFile & { type: 'file' }): Promise<string> {
  try {
    const handle = await file.open()
    try {
      return (await handle.stat()).isFile() ? await handle.readFile('utf8') : 'no file'
    } finally {
      await handle.close()
    }
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? ''
  }
}

test('a directory is found with all that is in it, parents first, symlinks as they are', async () => {
  await ensureDir(join(directory, 'a/empty'))
  await writeFile(join(directory, 'a/new\nline ü'), 'x')
  await chmod(join(directory, 'a/empty'), 0o1700)
  await symlink('../../nowhere', join(directory, 'a/link'))
  expect(await find(join(directory, 'a'), 'to/a')).toEqual([
    [
      'to/a directory 755',
      'to/a/empty directory 1700',
      'to/a/link symlink ../../nowhere',
      'to/a/new\nline ü file x'
    ],
    []
  ])
})

test('the root of a box is not an entry of it', async () => {
  await writeFile(join(directory, 'a'), '')
  expect(await find(directory, '')).toEqual([['a file '], []])
})

test('what cannot be added is told, and the rest is found', async () => {
  await mkdir(join(directory, 'd'))
  await writeFile(join(directory, 'd/good'), '')
  await writeFile(Buffer.concat([Buffer.from(`${directory}/d/bad-`), Buffer.from([0xff])]), '')
  await symlink(Buffer.from([0xfe]), join(directory, 'd/bad-target'))
  const socket = createServer().listen(join(directory, 'd/socket'))
  await new Promise(resolve => socket.once('listening', resolve))
  const found = await find(join(directory, 'd'), 'd')
  await new Promise(resolve => socket.close(resolve))
  expect(found).toEqual([
    ['d directory 755', 'd/good file '],
    [
      `cannot add "${directory}/d/bad-\u00ff": its name is not valid UTF-8`,
      `cannot add "${directory}/d/bad-target": its target is not valid UTF-8`,
      `cannot add "${directory}/d/socket": it is a socket (files, directories and symlinks can be added)`
    ]
  ])
})

test('devices, missing files and directories without "recursive" are told', async () => {
  expect((await find('/dev/null', 'n'))[1]).toEqual([
    'cannot add "/dev/null": it is a device (files, directories and symlinks can be added)'
  ])
  expect((await find(join(directory, 'x'), 'x'))[1]).toEqual([
    `cannot add "${directory}/x": no such file or directory`
  ])
  expect((await find(join(directory, 'x/y'), 'x'))[1]).toEqual([
    `cannot add "${directory}/x/y": no such file or directory`
  ])
  expect((await find(directory, 'd', { recursive: false, follow: 'never' }))[1]).toEqual([
    `cannot add "${directory}": it is a directory (-r (recursive) takes it with everything in it)`
  ])
})

describe('symlinks', () => {
  beforeEach(async () => {
    await ensureDir(join(directory, 'in/sub'))
    await mkdir(join(directory, 'out'))
    await writeFile(join(directory, 'out/file'), 'outside')
    await symlink('../out/file', join(directory, 'in/to-file'))
    await symlink('../../out', join(directory, 'in/sub/to-dir'))
    await symlink('in', join(directory, 'operand'))
    await symlink('out/file', join(directory, 'operand-file'))
  })

  test.each<[string, Taking['follow'], string[]]>([
    ['operand', 'never', ['to symlink in']],
    [
      'operand/',
      'never',
      [
        'to directory 755',
        'to/sub directory 755',
        'to/sub/to-dir symlink ../../out',
        'to/to-file symlink ../out/file'
      ]
    ],
    [
      'operand',
      'operands',
      [
        'to directory 755',
        'to/sub directory 755',
        'to/sub/to-dir symlink ../../out',
        'to/to-file symlink ../out/file'
      ]
    ],
    [
      'operand',
      'always',
      [
        'to directory 755',
        'to/sub directory 755',
        'to/sub/to-dir directory 755',
        'to/sub/to-dir/file file outside',
        'to/to-file file outside'
      ]
    ],
    ['operand-file', 'never', ['to symlink out/file']],
    ['operand-file', 'operands', ['to file outside']],
    ['operand-file', 'always', ['to file outside']]
  ])('%s, followed %s', async (operand, follow, expected) => {
    expect(await find(join(directory, operand), 'to', { recursive: true, follow })).toEqual([expected, []])
  })

  test('that lead back, or to nothing, are told when they are followed', async () => {
    await symlink('..', join(directory, 'in/sub/back'))
    await symlink('nowhere', join(directory, 'in/sub/dangling'))
    await symlink('self', join(directory, 'in/sub/self'))
    expect((await find(join(directory, 'in'), 'to', { recursive: true, follow: 'always' }))[1]).toEqual([
      `cannot add "${directory}/in/sub/back": it is a symlink to a directory that it lies in`,
      `cannot add "${directory}/in/sub/dangling": no such file or directory`,
      `cannot add "${directory}/in/sub/self": it is a symlink, or its path has too many of them`
    ])
  })
})

describe('what somebody else puts in the way between the search and the reading', () => {
  const secret = 'of the operator alone'
  let elsewhere: string
  beforeEach(async () => {
    elsewhere = temporaryDirectory()
    await writeFile(join(elsewhere, 'f'), secret)
    await mkdir(join(elsewhere, 'b'))
    await writeFile(join(elsewhere, 'b/f'), secret)
    await ensureDir(join(directory, 'tree/a/b'))
    await writeFile(join(directory, 'tree/a/b/f'), 'harmless')
    // The search ends elsewhere: what was found has to be looked up once more.
    await mkdir(join(directory, 'tree/z'))
    await writeFile(join(directory, 'tree/z/f'), '')
  })
  const swap = (path: string, target: string) => () => {
    renameSync(join(directory, path), join(directory, 'away'))
    symlinkSync(target, join(directory, path))
  }

  test('a symlink for the operand itself: what was found is read', async () => {
    expect(await find(join(directory, 'tree'), 't', everything, swap('tree', elsewhere))).toEqual([
      [
        't directory 755',
        't/a directory 755',
        't/a/b directory 755',
        't/a/b/f file harmless',
        't/z directory 755',
        't/z/f file '
      ],
      []
    ])
  })

  test.each(['tree/a', 'tree/a/b'])('a symlink for %s: nothing is read', async path => {
    const [found] = await find(join(directory, 'tree'), 't', everything, swap(path, elsewhere))
    expect(found).toContain('t/a/b/f file ENOTDIR')
  })

  test('a symlink for the file: nothing is read', async () => {
    const [found] = await find(
      join(directory, 'tree'),
      't',
      everything,
      swap('tree/a/b/f', join(elsewhere, 'f'))
    )
    expect(found).toContain('t/a/b/f file ELOOP')
  })

  test('a symlink for the directory of a file that was named itself: what was found is read', async () => {
    const operand = join(directory, 'tree/a/b/f')
    expect(await find(operand, 'f', everything, swap('tree/a', elsewhere))).toEqual([['f file harmless'], []])
  })

  test('a fifo: nothing waits for it', async () => {
    const file = join(directory, 'tree/a/b/f')
    const other = join(directory, 'fifo')
    expect(await runProgram('mkfifo', [other])).toMatchObject({ code: 0 })
    const [found] = await find(join(directory, 'tree'), 't', everything, () => {
      rmSync(file)
      renameSync(other, file)
    })
    expect(found).toContain('t/a/b/f file no file')
  })

  test('another file of the same tree: that one is read, it is theirs', async () => {
    const file = join(directory, 'tree/a/b/f')
    const [found] = await find(join(directory, 'tree'), 't', everything, () => {
      rmSync(file)
      writeFileSync(file, 'another')
    })
    expect(found).toContain('t/a/b/f file another')
  })
})
