import { beforeEach, expect, test } from 'vitest'
import { done } from './run.ts'
import { useCli } from './use-cli.ts'

const { run } = useCli()

beforeEach(async () => {
  await run(['destroy', '-f', 'box'])
  await run(['create', 'box'])
  for (const path of ['a', 'b', 'dir/c', 'dir/deep/d', 'two\nlines'])
    await run(['put', 'box', path], { input: path })
})

async function paths(): Promise<string[]> {
  return (await run(['list', '-f', '{{json .Path}}', 'box'])).stdout.split('\n').slice(0, -1)
}

test('remove takes out files, all as one version; rm and remove-file do the same', async () => {
  expect(await run(['remove', 'box', '/a', '../two\nlines'])).toMatchObject(done())
  expect(await run(['inspect', '-f', '{{.Version}}', 'box'])).toMatchObject(done('7\n'))
  expect(await run(['rm', 'box', 'b'])).toMatchObject(done())
  expect(await run(['remove-file', 'box', 'dir/c'])).toMatchObject(done())
  expect(await paths()).toEqual(['"dir"', '"dir/deep"', '"dir/deep/d"'])
})

test('row 30: a missing path is an error, and the others are removed', async () => {
  expect(await run(['remove', 'box', 'a', 'missing', 'b'])).toMatchObject({
    code: 1,
    stdout: '',
    stderr: 'error: cannot remove "missing": no such file in the box\n'
  })
  expect(await paths()).not.toContain('"a"')
  expect(await paths()).not.toContain('"b"')
})

test('row 31: a directory is an error, and the others are removed, unless --recursive', async () => {
  expect(await run(['remove', 'box', 'dir', 'a'])).toMatchObject({
    code: 1,
    stderr:
      'error: cannot remove "dir": it is a directory\nhint: -r (recursive) takes it with everything in it\n'
  })
  expect(await run(['remove', '-r', 'box', 'dir', 'b'])).toMatchObject(done())
  expect(await paths()).toEqual(['"two\\nlines"'])
  expect(await run(['remove', '--recursive', 'box', '/'])).toMatchObject(done())
  expect(await paths()).toEqual([])
})

test('a missing box is an error', async () => {
  expect(await run(['remove', 'none', 'a'])).toMatchObject({
    code: 1,
    stderr: 'error: no such box "none"\nhint: docker vault list --boxes shows those that there are\n'
  })
})
