import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { temporaryDirectory } from '../kit/temporary.ts'
import { done } from '../kit/run-program.ts'
import { useCli } from '../kit/use-cli.ts'

/* What `list` prints, "box:path", is taken wherever a box and a path are. */

const { run, runHere } = useCli()

test('put takes BOX PATH and BOX:PATH', async () => {
  await run(['create', 'web', 'db'])
  expect(await run(['put', 'web:.env'], { input: 'one' })).toMatchObject(done())
  expect(await run(['put', 'web', 'pass:word'], { input: 'two' })).toMatchObject(done())
  expect(await run(['put', 'web:dir/a:b'], { input: 'three' })).toMatchObject(done())
  expect(await run(['read', 'web:.env', 'web:pass:word', 'web:dir/a:b'])).toMatchObject(done('onetwothree'))
  expect(await run(['put', 'web'], { input: 'x' })).toMatchObject({
    code: 2,
    stderr: 'error: "web" names no file\nhint: write "web:PATH"\n'
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
      stderr: expect.stringContaining('error: "web" names no file\nhint: write "web:PATH"') as string
    })
  }
  expect((await run(['rm', 'web'])).stderr).toContain('to remove the box itself: docker-vault destroy web\n')
})

test('edit takes BOX:PATH and BOX PATH', async () => {
  const env = { EDITOR: 'printf edited >' }
  expect(await runHere(['edit', 'db:by-one'], { env })).toMatchObject(done())
  expect(await runHere(['edit', 'db', 'by:two'], { env })).toMatchObject(done())
  expect(await run(['read', 'db:by-one', 'db:by:two'])).toMatchObject(done('editededited'))
  expect(await runHere(['edit', 'db', '../up'], { env })).toMatchObject({
    code: 1,
    stderr: 'error: bad path "../up": ".." leads out of the box\nhint: in the box it would be "up"\n'
  })
})

test('add takes BOX:DIRECTORY, through symlinks of the box, and nothing lands outside of it', async () => {
  const cwd = temporaryDirectory()
  await mkdir(join(cwd, 'conf/deep'), { recursive: true })
  await writeFile(join(cwd, 'conf/deep/a'), 'a')
  await writeFile(join(cwd, 'key.pem'), 'key')
  await run(['create', 'site'])
  expect(
    await run(['add', 'site:certs/new', 'key.pem', '../key.pem', 'conf/../key.pem'], { cwd })
  ).toMatchObject({
    stdout: '',
    stderr: expect.stringContaining('cannot add "../key.pem"') as string
  })
  expect(await run(['list', 'site'])).toMatchObject(
    done('site:certs/\nsite:certs/new/\nsite:certs/new/key.pem\n')
  )
  await symlink('certs/new', join(cwd, 'here'))
  await run(['add', 'site', 'here'], { cwd })
  expect(await run(['add', '-r', 'site:here/', 'conf'], { cwd })).toMatchObject(done())
  expect(await run(['read', 'site:certs/new/conf/deep/a'])).toMatchObject(done('a'))
  expect(await run(['add', 'site:certs/new/key.pem', 'conf/deep/a'], { cwd })).toMatchObject({ code: 1 })
  expect(await run(['add', 'site:../up', 'key.pem'], { cwd })).toMatchObject({
    code: 1,
    stderr: 'error: bad path "../up": ".." leads out of the box\nhint: in the box it would be "up"\n'
  })
})

test('diff takes BOX:PATH, and shows what changed there and below', async () => {
  const changed = async (...args: string[]): Promise<string> =>
    (await run(['diff', '-f', '{{.Path}}', ...args])).stdout
  expect(await changed('site', '1')).toBe(
    'certs\ncerts/new\ncerts/new/conf\ncerts/new/conf/deep\ncerts/new/conf/deep/a\ncerts/new/key.pem\nhere\n'
  )
  expect(await changed('site:certs/new/conf/deep', '1')).toBe('certs/new/conf/deep\ncerts/new/conf/deep/a\n')
  expect(await changed('site:cert', '1')).toBe('')
})

test.each([
  ['destroy', [], 'to take a file out: docker-vault remove db:a'],
  ['inspect', [], 'write the box alone: "db"'],
  ['versions', [], 'write the box alone: "db"'],
  ['rollback', ['1'], 'write the box alone: "db"'],
  ['used-by', [], 'write the box alone: "db"'],
  ['list', ['--boxes'], 'write the box alone: "db"'],
  ['audit --box', [], 'write the box alone: "db"']
])(
  '%s takes a box as a whole, and says what a file in it may have been meant for',
  async (verb, more, hint) => {
    expect(await run([...verb.split(' '), 'db:a', ...more])).toMatchObject({
      code: 1,
      stdout: verb === 'inspect' ? '[]\n' : verb === 'used-by' ? (expect.any(String) as string) : '',
      stderr: `error: bad box name "db:a": it contains ":"\nhint: ${hint}\n`
    })
  }
)

test.each(['read', 'list'])(
  '%s takes each word for a box, and says so to who writes BOX PATH',
  async verb => {
    expect(await run([verb, 'web:.env', 'by-one'])).toMatchObject({
      stderr: expect.not.stringContaining('each word') as string
    })
    expect((await run([verb, 'db', 'by-one'])).stderr).toContain(
      'error: no such box "by-one"\n' +
        'hint: each word is a box, or a file in one; to name a file: "db:by-one"\n'
    )
  }
)

test('help shows one form of address, and tells of the other', async () => {
  for (const [verb, usage] of [
    ['put', 'put [options] BOX:PATH'],
    ['edit', 'edit [options] BOX:PATH'],
    ['remove', 'remove|rm [options] BOX:PATH...'],
    ['read', 'read|cat [options] BOX[:PATH]...'],
    ['list', 'list|ls [options] [BOX[:PATH]...]'],
    ['add', 'add [options] BOX[:PATH] FILE...'],
    ['diff', 'diff [options] BOX[:PATH] [OLDER] [NEWER]'],
    ['destroy', 'destroy|destroy-box [options] BOX...'],
    ['cp', 'cp [options] FROM TO']
  ] as const) {
    const { stdout } = await run([verb, '--help'])
    expect(stdout.split('\n')[0]).toBe(`Usage: docker-vault ${usage}`)
    expect(stdout).not.toMatch(/<box|box:path|\$ \w+ \w+ password/)
  }
  const words = (await run(['put', '--help'])).stdout.replaceAll(/\s+/g, ' ')
  expect(words).toContain(' BOX:PATH the file; missing directories are made; also as two words, BOX PATH ')
})
