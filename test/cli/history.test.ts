import { beforeAll, expect, test } from 'vitest'
import { done } from '../kit/run-program.ts'
import { useCli } from '../kit/use-cli.ts'

const { run } = useCli({ MAX_VERSIONS: '6' })
beforeAll(async () => {
  await run(['create', 'box', 'fresh'])
  await run(['put', 'box', 'pw'], { input: 'old!' })
  await run(['put', 'box', 'same'], { input: 'same' })
  await run(['put', '-m', '0640', 'box', 'pw'], { input: 'newer' })
  await run(['rm', 'box', 'same'])
})

test('versions lists what is kept, newest first', async () => {
  const { code, stdout, stderr } = await run(['versions', 'box'])
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout.replace(/just now|\d+ seconds? ago/g, 'now').replace(/now +/g, 'now ')).toBe(
    'VERSION   CREATED         ENTRIES   SIZE\n'.replace(/CREATED +/, stdout.match(/CREATED +/)?.[0] ?? '') +
      '5         now 1         5B\n4         now 2         9B\n3         now 2         8B\n2         now 1         4B\n1         now 0         0B\n'
  )
  expect(await run(['versions', '-q', 'box'])).toMatchObject(done('5\n4\n3\n2\n1\n'))
  expect(await run(['versions', '-f', '{{.Version}}:{{.Size}}', 'box'])).toMatchObject(
    done('5:5\n4:9\n3:8\n2:4\n1:0\n')
  )
  expect(await run(['versions', 'none'])).toMatchObject({
    code: 1,
    stderr: 'error: no such box "none"\nhint: docker vault list --boxes shows those that there are\n'
  })
})

test('diff shows names, modes, sizes and digests, and no contents', async () => {
  const newest = await run(['diff', 'box'])
  expect(newest).toMatchObject({ code: 0, stderr: '' })
  expect(newest.stdout).toMatch(
    /^CHANGE {4}PATH {3}TYPE {3}MODE {3}SIZE {3}DIGEST {9}TARGET\nremoved {3}same {3}file {3}0600 {3}4B {5}[0-9a-f]{12}\n$/
  )
  const since = await run(['diff', 'box', '3'])
  expect(since.stdout).toMatch(
    /\nchanged {3}pw {5}file {3}0600 -> 0640 {3}4B -> 5B {3}[0-9a-f]{12} -> [0-9a-f]{12}\nremoved {3}same /
  )
  expect(since.stdout).not.toMatch(/old!|newer/)
  expect(
    await run(['diff', '-f', '{{.Change}} {{.Path}} {{.OldSize}} {{.Size}}', 'box', '1', '3'])
  ).toMatchObject(done('added pw  4\nadded same  4\n'))
  expect(await run(['diff', '--format', 'json', 'box', '4', '4'])).toMatchObject(done(''))
})

test('equal contents have equal digests in one box, and other ones in another', async () => {
  await run(['create', 'a', 'b'])
  for (const box of ['a', 'b']) {
    await run(['put', box, 'x'], { input: 'same' })
    await run(['put', box, 'y'], { input: 'same' })
  }
  const digests = async (box: string) =>
    (await run(['diff', '-f', '{{.Digest}}', box, '1'])).stdout.trim().split('\n')
  const [inA, inB] = [await digests('a'), await digests('b')]
  expect(inA[0]).toBe(inA[1])
  expect(inB[0]).toBe(inB[1])
  expect(inA[0]).not.toBe(inB[0])
})

test('diff looks and reveals nothing', async () => {
  await run(['create', 'quiet'])
  await run(['put', 'quiet', 'pw'], { input: 'hunter2' })
  await run(['put', 'quiet', 'pw'], { input: 'hunter3' })
  await run(['diff', 'quiet'])
  const { stdout } = await run(['audit', '--box', 'quiet', '-f', '{{.Action}} {{json .Subject}}'])
  expect(stdout.trim().split('\n').slice(-4)).toEqual([
    // Which versions there are, then the two.
    'box.inspect {"box":"quiet"}',
    'box.compare {"box":"quiet","version":2}',
    'box.compare {"box":"quiet","version":3}',
    'audit.read {"box":"quiet"}'
  ])
  expect(stdout).not.toContain('reveal')
})

test('diff needs versions that exist', async () => {
  expect(await run(['diff', 'fresh'])).toMatchObject({
    code: 1,
    stderr: 'error: cannot compare box "fresh": it has only one version\n'
  })
  expect(await run(['diff', 'fresh', '1', '2'])).toMatchObject({
    code: 1,
    stderr: 'error: box "fresh" has no version 2\nhint: it has version 1\n'
  })
  expect(await run(['diff', 'fresh', 'one'])).toMatchObject({
    code: 2,
    stderr: 'error: bad version "one": a version is a whole number from 1 on\n'
  })
})

test('rollback makes a new version out of an old one and prints its number', async () => {
  await run(['create', 'back'])
  await run(['put', 'back', 'pw'], { input: 'first' })
  await run(['put', 'back', 'pw'], { input: 'second' })
  expect(await run(['rollback', 'back', '2'])).toMatchObject(done('4\n'))
  expect(await run(['read', 'back:pw'])).toMatchObject(done('first'))
  expect(await run(['read', '--version', '3', 'back:pw'])).toMatchObject(done('second'))
  expect(await run(['rollback', 'back', '9'])).toMatchObject({
    code: 1,
    stderr: 'error: box "back" has no version 9\nhint: it has versions 1 to 4\n'
  })
})

test('audit tells who did what, the newest last', async () => {
  const { code, stdout, stderr } = await run(['audit', '--limit', '2'])
  expect(code).toBe(0)
  expect(stderr).toMatch(/^checked 2 entries, \d+ to \d+, of \d+: nothing is missing or altered\n$/)
  expect(stdout).toMatch(/^NUMBER +TIME +CALLER +ACTION +DECISION +SUBJECT\n/)
  await run(['create', 'seen'])
  const entries = (await run(['audit', '-n', '2', '--format', 'json'])).stdout.trim().split('\n')
  expect(entries.map(line => JSON.parse(line) as unknown)).toMatchObject([
    { Caller: 'uid 0', Action: 'box.create', Decision: 'allowed', Subject: { box: 'seen', version: 1 } },
    { Caller: 'uid 0', Action: 'audit.read', Decision: 'allowed' }
  ])
  expect((await run(['audit', '-n', '2', '-f', '{{.Subject.box}}'])).stdout).toBe('\n\n')
  expect(await run(['audit', '--last', 'some'])).toMatchObject({
    code: 2,
    stderr: 'error: bad number "some": it must be a whole number from 1 on, or "all"\n'
  })
})

test.each([
  [
    ['--action', 'box.revel'],
    'unknown action "box.revel"',
    'did you mean "box.reveal"? actions are box.list, '
  ],
  [['--action', 'reveal'], 'unknown action "reveal"', 'did you mean "box.reveal"? actions are '],
  [['--action', 'list'], 'unknown action "list"', 'actions are box.list, '],
  [
    ['--caller', 'deamon'],
    'there is no user "deamon" on this host',
    'did you mean "daemon"? a caller is a user '
  ],
  [['--container', 'a b'], 'bad container "a b"', ''],
  [['--until', 'noon'], 'bad time "noon": it must be how long ago', ''],
  [['--since', '1h', '--until', '2h'], 'nothing is both after --since and before --until', ''],
  [['--follow', '--until', '2999-01-01'], '--follow shows what comes', ''],
  [
    ['verify', 'db'],
    '"audit verify" checks all, and takes no boxes',
    'a box of that name is shown by: audit --box verify'
  ],
  [['verify', '--denied'], '"audit verify" checks all, and takes no --denied', '']
])('audit %j is a mistake', async (args, message, hint) => {
  const { code, stderr } = await run(['audit', ...args])
  expect([code, stderr]).toEqual([2, expect.stringContaining(`error: ${message}`)])
  expect(stderr).toContain(hint === '' ? '' : `hint: ${hint}`)
})

test('audit shows what was done with several boxes, by whom, and what was denied', async () => {
  for (const box of ['one', 'two', 'three']) await run(['create', box])
  const shown = async (...args: string[]): Promise<string> =>
    (await run(['audit', ...args, '--action', 'box.create', '-f', '{{.Subject.box}}'])).stdout
  expect(await shown('one', '--box', 'two')).toBe('one\ntwo\n')
  expect(await shown('one', 'two', '--caller', 'root', '--until', '2999-01-01')).toBe('one\ntwo\n')
  expect(await shown('one', '--caller', 'user:daemon')).toBe('')
  expect(await shown('one', '--until', '1h')).toBe('')
  // Names in tables, numbers where programs read.
  expect((await run(['audit', 'one'])).stdout).toMatch(/\n\d+ +\S+Z +root +box\.create +allowed +box=one/)
})

test('audit verify says that all is as it was written', async () => {
  const { code, stdout } = await run(['audit', 'verify'])
  expect([code, stdout]).toEqual([
    0,
    expect.stringMatching(/^checked \d+ entries: nothing is missing or altered\n$/)
  ])
})

test('audit shows what was done with one box, what was done of one kind, and since when', async () => {
  const shown = async (...options: string[]): Promise<string[]> => {
    const { stdout } = await run(['audit', ...options, '-f', '{{.Action}} {{.Subject.box}}'])
    return stdout.split('\n').filter(line => line !== '')
  }
  await run(['create', 'filtered'])
  await run(['put', 'filtered', 'a'], { input: 'x' })
  await run(['read', 'filtered:a'])
  const all = ['box.create filtered', 'box.change filtered', 'box.reveal filtered', 'audit.read filtered']
  expect(await shown('--box', 'filtered')).toEqual(expect.arrayContaining(all))
  expect(await shown('--box', 'filtered', '--action', 'box.change')).toEqual(['box.change filtered'])
  expect(await shown('--box', 'filtered', '--since', '1h', '--action', 'box.create')).toEqual([
    'box.create filtered'
  ])
  expect(await shown('--since', '2999-01-01')).toEqual([])
  const everything = await run(['audit', '--last', 'all'])
  expect(everything.stderr).toMatch(/^checked \d+ entries: nothing is missing or altered\n$/)
  expect(everything.stdout).toMatch(/^NUMBER .*\n1 /)
  const none = await run(['audit', 'filtered', '--denied'])
  expect(none).toMatchObject({ code: 0, stdout: expect.stringMatching(/^NUMBER .*\n$/) as string })
  expect(none.stderr).toMatch(/^no entry fits; checked \d+ entries: nothing is missing or altered\n$/)
  const late = await run(['audit', '--since', '2999-01-01'])
  expect(late.stderr).toMatch(/^no entry fits; checked 0 entries, of \d+: nothing is missing or altered\n$/)
  expect(await run(['audit', '--since', 'today'])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('bad time "today": it must be how long ago') as string
  })
})
