import { expect, test } from 'vitest'
import { done } from './run.ts'
import { useCli } from './use-cli.ts'

/* What `list` prints, "box:path", is taken wherever a box and a path are. */

const { run } = useCli()

test('put takes BOX PATH and BOX:PATH', async () => {
  await run(['create', 'web', 'db'])
  expect(await run(['put', 'web:.env'], { input: 'one' })).toMatchObject(done())
  expect(await run(['put', 'web', 'pass:word'], { input: 'two' })).toMatchObject(done())
  expect(await run(['put', 'web:dir/a:b'], { input: 'three' })).toMatchObject(done())
  expect(await run(['read', 'web:.env', 'web:pass:word', 'web:dir/a:b'])).toMatchObject(done('onetwothree'))
  expect(await run(['put', 'web'], { input: 'x' })).toMatchObject({
    code: 2,
    stderr: 'error: "web" names no file\nhint: write "web PATH" or "web:PATH"\n'
  })
  expect(await run(['put', 'web:'], { input: 'x' })).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('it names the box itself, not a file in it') as string
  })
  expect(await run(['put', 'web:a', 'b'], { input: 'x' })).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('bad box name "web:a": it contains ":"') as string
  })
})

test('list takes BOX:PATH, and lists what lies there and below', async () => {
  expect(await run(['list', 'web:dir', 'web:.env', 'db'])).toMatchObject(
    done('web:dir/\nweb:dir/a:b\nweb:.env\n')
  )
  expect(await run(['ls', 'web:'])).toMatchObject(done('web:.env\nweb:dir/\nweb:dir/a:b\nweb:pass:word\n'))
  expect(await run(['list', '-f', '{{.Path}} {{.Size}}', 'web:.env'])).toMatchObject(done('.env 3\n'))
  expect(await run(['list', 'web:di', 'web:.env'])).toMatchObject({
    code: 1,
    stdout: 'web:.env\n',
    stderr: 'error: cannot list "di": no such file in the box\n'
  })
})

test('remove takes BOX PATH… and BOX:PATH…, of several boxes, too', async () => {
  await run(['put', 'db:a'], { input: 'x' })
  expect(await run(['rm', 'web:.env', 'db:a', 'web:pass:word'])).toMatchObject(done())
  expect(await run(['list'])).toMatchObject(done('web:dir/\nweb:dir/a:b\n'))
  // All of a box go in one version.
  expect((await run(['inspect', '-f', '{{.Version}}', 'web'])).stdout).toBe('5\n')
  expect(await run(['rm', '-r', 'web:dir'])).toMatchObject(done())
  for (const args of [
    ['rm', 'web'],
    ['rm', 'web:a', 'web']
  ]) {
    expect(await run(args)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining(
        'error: "web" names no file\nhint: write "web PATH" or "web:PATH"'
      ) as string
    })
  }
  expect((await run(['rm', 'web'])).stderr).toContain('to remove the box itself: docker-vault destroy web\n')
})
