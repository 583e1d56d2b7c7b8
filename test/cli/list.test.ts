import { mkdtemp, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { done } from '../kit/run-program.ts'
import { useCli } from '../kit/use-cli.ts'

const { run } = useCli()
beforeAll(async () => {
  await run(['create', 'db', 'empty', 'web'])
  await run(['put', 'db', 'certs/key.pem'], { input: '12345' })
  await run(['put', '-m', '0440', 'db', 'password'], { input: '1' })
  await run(['put', '--allow-empty', 'web', 'ü'], { input: '' })
  const cwd = await mkdtemp(join(tmpdir(), 'list-'))
  await symlink('../password', join(cwd, 'link'))
  await run(['add', 'db', 'link'], { cwd })
  await rm(cwd, { recursive: true })
})

test('row 35: --format takes table, table templates, json and templates', async () => {
  expect(await run(['list', '--format', 'table', 'db'])).toMatchObject(
    done(
      'BOX   PATH            TYPE        MODE   SIZE   TARGET\n' +
        'db    certs           directory   0755\n' +
        'db    certs/key.pem   file        0600   5B\n' +
        'db    link            symlink                   ../password\n' +
        'db    password        file        0440   1B\n'
    )
  )
  expect(await run(['list', '-f', 'table {{.Path}}\\t{{.Size}} in {{upper .Box}}', 'db'])).toMatchObject(
    done(
      'PATH            SIZE in \ncerts            in DB\ncerts/key.pem   5B in DB\nlink             in DB\npassword        1B in DB\n'.replace(
        'in \n',
        'in\n'
      )
    )
  )
  expect(
    await run(['list', '-f', '{{.Box}} {{.Version}} {{.Mode}} {{.Size}} {{.Path | upper}}', 'db'])
  ).toMatchObject(done('db 4 0755  CERTS\ndb 4 0600 5 CERTS/KEY.PEM\ndb 4   LINK\ndb 4 0440 1 PASSWORD\n'))
  const { stdout } = await run(['list', '--format=json', 'db'])
  expect(
    stdout
      .trim()
      .split('\n')
      .map(line => JSON.parse(line) as unknown)
  ).toEqual([
    { Box: 'db', Version: 4, Path: 'certs', Type: 'directory', Mode: '0755' },
    { Box: 'db', Version: 4, Path: 'certs/key.pem', Type: 'file', Mode: '0600', Size: 5 },
    { Box: 'db', Version: 4, Path: 'link', Type: 'symlink', Target: '../password' },
    { Box: 'db', Version: 4, Path: 'password', Type: 'file', Mode: '0440', Size: 1 }
  ])
})

const knownFields =
  'known fields: .Box .Version .Path .Type .Mode .Size .Target; ' +
  'functions: json join split lower upper title pad truncate len index eq ne lt le gt ge and or not'

test.each([
  ['', 'bad format "": it is empty'],
  ['name=web', 'bad format "name=web": it shows no field'],
  ['JSON', 'bad format "JSON": it shows no field'],
  ['table ', 'bad format "table ": it shows no field'],
  ['{.Path}', 'bad format "{.Path}": it shows no field']
])('a format that shows nothing, such as a filter (%j), is a mistake', async (format, message) => {
  const hint = `a format is "json", "table" or a template such as {{.Box}}, and no filter; ${knownFields}`
  for (const args of [
    ['list', '-f', format],
    ['list', '--format', format, 'db']
  ]) {
    expect(await run(args)).toMatchObject({
      code: 2,
      stdout: '',
      stderr: `error: ${message}\nhint: ${hint}\n`
    })
  }
})

test('templates look into lists, as in docker', async () => {
  const template = '{{.Name}}:{{range .Files}} {{.Path}}{{if .Size}}={{.Size}}{{end}}{{end}}'
  expect(await run(['inspect', '-f', template, 'db'])).toMatchObject(
    done('db: certs certs/key.pem=5 link password=1\n')
  )
  expect(await run(['inspect', '-f', '{{len .Files}} {{(index .Files 1).Mode}}', 'db'])).toMatchObject(
    done('4 0600\n')
  )
  expect(await run(['inspect', '-f', '{{range .Files}}{{.Contents}}{{end}}', 'db'])).toMatchObject({
    code: 2,
    stdout: ''
  })
})

test('inspect tells all but contents, as an array, and goes on after a missing box', async () => {
  const { code, stdout, stderr } = await run(['inspect', 'none', 'db'])
  expect({ code, stderr }).toEqual({
    code: 1,
    stderr: 'error: no such box "none"\nhint: docker vault list --boxes shows those that there are\n'
  })
  expect(JSON.parse(stdout)).toEqual([
    {
      Name: 'db',
      ID: expect.stringMatching(/^[0-9a-f]{32}$/) as string,
      UUID: expect.stringMatching(
        /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/
      ) as string,
      Owner: 0,
      Reveal: 'granted',
      Closed: false,
      Path: '/vault/db/',
      Version: 4,
      Created: expect.stringMatching(/Z$/) as string,
      Changed: expect.stringMatching(/Z$/) as string,
      Size: 6,
      Files: [
        { Path: 'certs', Type: 'directory', Mode: '0755' },
        { Path: 'certs/key.pem', Type: 'file', Mode: '0600', Size: 5 },
        { Path: 'link', Type: 'symlink', Target: '../password' },
        { Path: 'password', Type: 'file', Mode: '0440', Size: 1 }
      ]
    }
  ])
})

test('inspect takes a format, and an older version', async () => {
  expect(
    await run(['inspect', '-f', '{{.Name}} {{.Version}} {{json .Files}}', '--version', '1', 'db'])
  ).toMatchObject(done('db 1 []\n'))
  expect(await run(['inspect', '--version', '0', 'db'])).toMatchObject({
    code: 2,
    stderr: 'error: bad version "0": a version is a whole number from 1 on\n'
  })
})

test('status tells whether the vault is unsealed and what it holds', async () => {
  const { code, stdout, stderr } = await run(['status'])
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout).toMatch(/^Sealed: +no$/m)
  expect(stdout).toMatch(/^Version: +0\.1\.0$/m)
  expect(stdout).toMatch(/^Disk State: +has room$/m)
  expect(stdout).toMatch(/^Disk Free: +[\d.]+[MGT]B$/m)
  expect(stdout).toMatch(/^Boxes: +3$/m)
  expect(stdout).toMatch(/^Limits Max Box: +134\.2MB$/m)
  const format = '{{.Boxes}} {{.Sealed}} {{.Limits.MaxBoxBytes}} {{len .FailedStarts}}'
  expect(await run(['status', '--format', format])).toMatchObject(done('3 false 134217728 0\n'))
  expect(JSON.parse((await run(['status', '--format', 'json'])).stdout)).toMatchObject({
    Sealed: false,
    Boxes: 3,
    Store: { ID: expect.stringMatching(/^[0-9a-f]{32}$/) as string },
    Volumes: 0
  })
  expect(await run(['status', '--format', '{{.sealed}}'])).toMatchObject({
    code: 2,
    stdout: '',
    stderr: expect.stringContaining('hint: known fields: .Sealed .Version .Store ') as string
  })
  expect(await run(['status', '--quiet'])).toMatchObject(done())
})
