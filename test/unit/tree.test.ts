import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { SecretboxError, type ErrorCode } from '../../src/base/errors.ts'
import { resolvePath } from '../../src/vault/boxes/links.ts'
import { parentOf, parseFilePath, type FilePath } from '../../src/base/names.ts'
import {
  bytesOf,
  editTree,
  fileAt,
  subtree,
  type Edit,
  type Entry,
  type Tree
} from '../../src/vault/boxes/tree.ts'

const at = parseFilePath
const file = (inline: string, mode = 0o600): Entry<string> => ({
  type: 'file',
  mode,
  size: inline.length,
  content: { inline }
})
const directory = (mode = 0o755): Entry<string> => ({ type: 'directory', mode })
const link = (target: string): Entry<string> => ({ type: 'symlink', target })
const put = (path: string, entry: Entry<string>): Edit<string> => ({ op: 'put', path: at(path), entry })
const remove = (path: string, recursive = false): Edit<string> => ({
  op: 'remove',
  path: at(path),
  recursive
})
const edited = (tree: Tree<string>, edit: Edit<string>): Tree<string> => {
  const copy = new Map(tree)
  editTree(copy, edit)
  return copy
}
const treeOf = (...edits: Edit<string>[]): Tree<string> =>
  edits.reduce<Tree<string>>((tree, edit) => edited(tree, edit), new Map())
const follow = { follow: true }

function refusal(work: () => unknown): { code: ErrorCode; message: string } {
  try {
    work()
  } catch (error) {
    if (error instanceof SecretboxError) return { code: error.code, message: error.message }
  }
  throw new Error('done')
}

describe('resolving a path', () => {
  const tree = treeOf(
    put('dir/file', file('x')),
    put('relative', link('dir/file')),
    put('dir/up', link('../dir/file')),
    put('absolute', link('/dir/file')),
    put('out', link('../../../../etc/passwd')),
    put('away', link('/etc/passwd')),
    put('to-dir', link('dir')),
    put('chain', link('to-dir/up')),
    put('dangling', link('nowhere/at/all')),
    put('self', link('self')),
    put('ping', link('pong')),
    put('pong', link('./ping/x'))
  )

  test.each([
    ['relative', 'dir/file'],
    ['dir/up', 'dir/file'],
    ['absolute', 'dir/file'],
    ['to-dir/file', 'dir/file'],
    ['to-dir/up', 'dir/file'],
    ['chain', 'dir/file'],
    ['out', 'etc/passwd'],
    ['away', 'etc/passwd'],
    ['dangling', 'nowhere/at/all'],
    ['not/there', 'not/there'],
    ['', '']
  ])('%j names %j, with the box as root', (path, resolved) => {
    expect(resolvePath(tree, at(path), follow)).toBe(resolved)
  })

  test('the last symlink stays when it is not to be followed', () => {
    expect(resolvePath(tree, at('to-dir/up'), { follow: false })).toBe('dir/up')
  })

  test.each(['self', 'ping', 'self/below'])('%j loops and is refused', path => {
    expect(refusal(() => resolvePath(tree, at(path), follow))).toEqual({
      code: 'invalid',
      message: `cannot resolve path "${path}": more than 40 symlinks`
    })
  })

  test('40 symlinks in a row are followed and 41 are not', () => {
    const chain = (length: number): Tree<string> =>
      treeOf(...Array.from({ length }, (_, i) => put(`l${i}`, link(`l${i + 1}`))))
    expect(resolvePath(chain(40), at('l0'), follow)).toBe('l40')
    expect(() => resolvePath(chain(41), at('l0'), follow)).toThrow('more than 40 symlinks')
  })

  test('no symlink leads out of the box, and no loop goes on for ever', () => {
    const step = fc.constantFrom('..', '.', '', 'a', 'b', 'c')
    const steps = fc.array(step, { minLength: 1, maxLength: 6 })
    const target = fc.tuple(fc.boolean(), steps).map(([absolute, parts]) => {
      const text = (absolute ? '/' : '') + parts.join('/')
      return text === '' ? '/' : text
    })
    const links = fc.array(fc.tuple(steps, target), { maxLength: 8 })
    fc.assert(
      fc.property(links, steps, fc.boolean(), (rows, asked, follow) => {
        const tree = new Map<FilePath, Entry<string>>(
          rows.map(([path, to]) => [at(path.join('/')), link(to)])
        )
        tree.delete(at(''))
        let resolved: FilePath
        try {
          resolved = resolvePath(tree, at(asked.join('/')), { follow })
        } catch (error) {
          expect(error).toMatchObject({ code: 'invalid' })
          return
        }
        // A clean path below the root, and not the name of a link when links are followed.
        expect(parseFilePath(resolved)).toBe(resolved)
        if (follow) expect(tree.has(resolved)).toBe(false)
      }),
      { numRuns: 2000 }
    )
  })
})

describe('putting', () => {
  test('an entry brings its missing parents along as directories with mode 0755', () => {
    expect([...treeOf(put('a/b/c', file('x', 0o4755)))]).toEqual([
      ['a', directory(0o755)],
      ['a/b', directory(0o755)],
      ['a/b/c', file('x', 0o4755)]
    ])
  })

  test('a directory again merges: it takes the new mode and keeps what is in it', () => {
    const tree = treeOf(put('a/b', file('x')), put('a', directory(0o700)))
    expect([...tree]).toEqual([
      ['a', directory(0o700)],
      ['a/b', file('x')]
    ])
  })

  test('a file replaces a file or a symlink, and a symlink a file', () => {
    const tree = treeOf(put('a', file('old')), put('a', link('b')), put('a', file('new')))
    expect([...tree]).toEqual([['a', file('new')]])
  })

  test('symlinks among the parents are followed inside the box, the last one is replaced', () => {
    const tree = treeOf(
      put('d', directory()),
      put('l', link('/d')),
      put('l/f', file('x')),
      put('l', file('y'))
    )
    expect(tree.get(at('d/f'))).toEqual(file('x'))
    expect(tree.get(at('l'))).toEqual(file('y'))
  })

  test('the root takes only itself, as a directory', () => {
    expect(treeOf(put('/', directory(0o700))).size).toBe(0)
    expect(refusal(() => treeOf(put('..', file('x'))))).toEqual({
      code: 'invalid',
      message: 'cannot put "": it names the box itself, not a file in it'
    })
  })

  test.each<[string, Edit<string>[], string]>([
    [
      'below a file',
      [put('a', file('x')), put('a/b', file('y'))],
      'cannot put "a/b": "a" is not a directory'
    ],
    [
      'below a symlink to a file',
      [put('a', file('x')), put('l', link('a')), put('l/b', file('y'))],
      'cannot put "l/b": "a" is not a directory'
    ],
    [
      'a file over a directory',
      [put('a/b', file('x')), put('a', file('y'))],
      'cannot put "a": a directory has that name'
    ],
    [
      'a symlink over a directory',
      [put('a', directory()), put('a', link('b'))],
      'cannot put "a": a directory has that name'
    ],
    [
      'a directory over a file',
      [put('a', file('x')), put('a', directory())],
      'cannot make directory "a": a file has that name'
    ],
    [
      'a directory over a symlink',
      [put('a', link('b')), put('a', directory())],
      'cannot make directory "a": a symlink has that name'
    ],
    [
      'through a loop',
      [put('a', link('a')), put('a/b', file('x'))],
      'cannot resolve path "a/b": more than 40 symlinks'
    ]
  ])('%s is refused', (_name, edits, message) => {
    expect(refusal(() => treeOf(...edits))).toEqual({ code: 'invalid', message })
  })
})

test('a symlink does not help a path beyond what Linux would take', () => {
  const long = 'x'.repeat(256)
  const deep = 'd/'.repeat(2040)
  expect(refusal(() => treeOf(put('l', link(long)), put('l/f', file('x'))))).toEqual({
    code: 'invalid',
    message: `bad path "${long}/f": a component is longer than 255 bytes`
  })
  expect(refusal(() => treeOf(put('l', link(deep)), put(`l/${'x'.repeat(20)}`, file('x')))).message).toMatch(
    /: it is longer than 4096 bytes$/
  )
})

describe('removing', () => {
  const tree = treeOf(put('a/b', file('x')), put('ab', file('y')), put('l', link('a')), put('e', directory()))

  test('takes a file, a symlink itself, and with recursion a directory with all that is in it', () => {
    expect([...edited(tree, remove('a/b')).keys()]).toEqual(['a', 'ab', 'l', 'e'])
    expect([...edited(tree, remove('l')).keys()]).toEqual(['a', 'a/b', 'ab', 'e'])
    expect([...edited(tree, remove('a', true)).keys()]).toEqual(['ab', 'l', 'e'])
    expect([...edited(tree, remove('l/b')).keys()]).toEqual(['a', 'ab', 'l', 'e'])
    expect([...edited(tree, remove('/', true)).keys()]).toEqual([])
  })

  test('refuses what is missing, and a directory without recursion, even an empty one', () => {
    expect(refusal(() => edited(tree, remove('x/y')))).toEqual({
      code: 'not_found',
      message: 'cannot remove "x/y": no such file in the box'
    })
    for (const path of ['a', 'e', '']) {
      expect(refusal(() => edited(tree, remove(path)))).toEqual({
        code: 'invalid',
        message: `cannot remove "${path}": it is a directory`
      })
    }
  })
})

describe('reading', () => {
  const tree = treeOf(
    put('a/b/c', file('deep')),
    put('a/l', link('b/c')),
    put('f', file('flat')),
    put('l', link('a/b'))
  )

  test('a part of a tree has paths of its own', () => {
    expect([...subtree(tree, at('a')).keys()]).toEqual(['b', 'b/c', 'l'])
    expect([...subtree(tree, at('l')).keys()]).toEqual(['c'])
    expect([...subtree(tree, at('f'))]).toEqual([['f', file('flat')]])
    expect([...subtree(tree, at('a/l'))]).toEqual([['l', file('deep')]])
    expect(subtree(tree, at(''))).toBe(tree)
    expect(refusal(() => subtree(tree, at('x')))).toEqual({
      code: 'not_found',
      message: 'cannot read "x": no such file in the box'
    })
  })

  test('a path that is not there reminds of the one that was meant', () => {
    const hint = (work: () => unknown): string | undefined => {
      try {
        work()
      } catch (error) {
        return (error as SecretboxError).hint
      }
      throw new Error('found')
    }
    expect(hint(() => fileAt(tree, at('a/b/d')))).toBe('did you mean "a/b/c"?')
    expect(hint(() => subtree(tree, at('c')))).toBe('did you mean "a/b/c"?')
    expect(hint(() => edited(tree, remove('a/m')))).toBe('did you mean "a/b"?')
    expect(hint(() => fileAt(tree, at('nothing')))).toBeUndefined()
  })

  test('a file is found through symlinks; directories and missing ones are not files', () => {
    expect(fileAt(tree, at('a/l'))).toEqual(file('deep'))
    expect(fileAt(tree, at('l/c'))).toEqual(file('deep'))
    expect(refusal(() => fileAt(tree, at('l')))).toEqual({
      code: 'invalid',
      message: 'cannot read "l": it is a directory'
    })
    expect(refusal(() => fileAt(tree, at('')))).toMatchObject({ code: 'invalid' })
    expect(refusal(() => fileAt(tree, at('f/x')))).toMatchObject({ code: 'not_found' })
  })

  test('the size of a tree is that of its files', () => {
    expect(bytesOf(tree)).toBe('deepflat'.length)
  })
})

describe('any sequence of edits', () => {
  const path = fc
    .array(fc.constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: 4 })
    .map(parts => parts.join('/'))
  const edit = fc.oneof(
    fc.tuple(path, fc.string({ maxLength: 3 })).map(([to, text]) => put(to, file(text))),
    path.map(to => put(to, directory())),
    path.map(to => remove(to)),
    path.map(to => remove(to, true))
  )

  /** The same edits on nested maps, which cannot hold an entry without its parents. */
  type Folder = Map<string, Folder | string>
  function applyTo(root: Folder, { op, path, ...how }: Edit<string>): boolean {
    const names = path.split('/')
    const last = names.pop() ?? ''
    const entry = 'entry' in how ? how.entry : null
    const missing: string[] = []
    let folder: Folder | null = root
    for (const name of names) {
      const next: Folder | string | undefined = folder === null ? undefined : folder.get(name)
      if (typeof next === 'string') return false
      if (next === undefined) missing.push(name)
      folder = next ?? null
    }
    const present = folder?.get(last)
    if (op === 'remove') {
      if (present === undefined || (typeof present !== 'string' && !('recursive' in how && how.recursive)))
        return false
      folder?.delete(last)
      return true
    }
    const isDirectory = entry?.type === 'directory'
    if (present !== undefined && (typeof present === 'string') === isDirectory) return false
    let target = root
    for (const name of names) {
      const next = target.get(name) ?? new Map<string, Folder | string>()
      target.set(name, next)
      target = next as Folder
    }
    if (!isDirectory)
      target.set(last, entry?.type === 'file' && 'inline' in entry.content ? entry.content.inline : '')
    else if (present === undefined) target.set(last, new Map())
    return true
  }
  function flat(folder: Folder, prefix = ''): string[] {
    return [...folder].flatMap(([name, inside]) =>
      typeof inside === 'string'
        ? [`${prefix}${name}=${inside}`]
        : [`${prefix}${name}/`, ...flat(inside, `${prefix}${name}/`)]
    )
  }

  test('does what nested folders would do, and a refused edit changes nothing', () => {
    fc.assert(
      fc.property(fc.array(edit, { maxLength: 30 }), edits => {
        const tree = new Map<FilePath, Entry<string>>()
        const model: Folder = new Map()
        for (const one of edits) {
          const before = [...tree]
          let done = true
          try {
            editTree(tree, one)
          } catch (error) {
            expect(error).toBeInstanceOf(SecretboxError)
            expect([...tree]).toEqual(before)
            done = false
          }
          expect(done).toBe(applyTo(model, one))
        }
        const lines = [...tree].map(([path, entry]) =>
          entry.type === 'file' && 'inline' in entry.content ? `${path}=${entry.content.inline}` : `${path}/`
        )
        expect(lines.sort()).toEqual(flat(model).sort())
      }),
      { numRuns: 300 }
    )
  })

  test('leaves every entry with all its parents, which are directories, also with symlinks about', () => {
    const target = fc.tuple(fc.constantFrom('', '/', '../'), path).map(([start, to]) => start + to)
    const any = fc.oneof(
      edit,
      fc.tuple(path, target).map(([to, text]) => put(to, link(text)))
    )
    fc.assert(
      fc.property(fc.array(any, { maxLength: 30 }), edits => {
        const tree = new Map<FilePath, Entry<string>>()
        for (const one of edits) {
          try {
            editTree(tree, one)
          } catch (error) {
            expect(error).toBeInstanceOf(SecretboxError)
          }
        }
        for (const path of tree.keys()) {
          const parent = parentOf(path)
          if (parent !== '' && parent !== null) expect(tree.get(parent)?.type).toBe('directory')
        }
      }),
      { numRuns: 500 }
    )
  })
})
