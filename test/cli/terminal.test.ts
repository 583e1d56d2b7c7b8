import { mkdtemp, open, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { humanSize } from '../../src/cli/output/human.ts'
import { startDaemon } from '../kit/daemon-process.ts'
import { done, runProgram } from '../kit/run-program.ts'
import { atTerminal, type Terminal } from '../kit/terminal.ts'
import { useCli } from '../kit/use-cli.ts'

const { run, daemon, program } = useCli()
beforeAll(async () => {
  await run(['create', 'box', 'none'])
})

function start(args: string): Terminal {
  return atTerminal(`"${program}" ${args}`, {
    SECRETBOX_SOCKET: daemon().adminSocket
  })
}

test('put asks at a terminal, shows nothing of what is typed, and stores the line', async () => {
  const terminal = start('put box pw')
  // Typed: a wrong character and a wrong umlaut, each taken back, then the rest.
  await terminal.type('Secret for "box:pw" (not shown): ', 'hunterX\u007fü\u007f2ß\r')
  await terminal.type('The same again: ', 'hunter2ß\r')
  const asked = 'Secret for "box:pw" (not shown): \nThe same again: \n'
  expect(await terminal.ended).toEqual({ code: 0, screen: asked })
  expect(await run(['read', 'box:pw'])).toMatchObject(done('hunter2ß'))
})

test('put stores nothing when the second line is another', async () => {
  const terminal = start('put box twice')
  await terminal.type('(not shown): ', 'hunter2\r')
  await terminal.type('again: ', 'hunter3\r')
  const { code, screen } = await terminal.ended
  expect(code).toBe(1)
  expect(screen).toContain('error: the two are not the same, so nothing was stored\n')
  expect(await run(['read', 'box:twice'])).toMatchObject({ code: 1 })
})

test('put says before it asks that a box is missing, or that a directory or a file is there', async () => {
  expect(await start('put missing pw').ended).toEqual({
    code: 1,
    screen: 'error: no such box "missing"\nhint: create it with: docker vault create missing\n'
  })
  const made = start('put --create made:pw')
  await made.type('(not shown): ', 'new\r')
  await made.type('again: ', 'new\r')
  expect(await made.ended).toEqual({
    code: 0,
    screen: 'Secret for "made:pw" (not shown): \nThe same again: \nnote: made box "made"\n'
  })
  await run(['put', 'box', 'is/there'], { input: 'old' })
  expect(await start('put box is').ended).toEqual({
    code: 1,
    screen: 'error: cannot put "is": a directory has that name\n'
  })
  const { stdout } = await run(['list', '--boxes', '--format', '{{.Name}} {{.Version}}'])
  const version = /^box (\d+)$/m.exec(stdout)?.[1] ?? ''
  const terminal = start('put box is/there')
  await terminal.type('(not shown): ', 'new\r')
  await terminal.type('again: ', 'new\r')
  expect(await terminal.ended).toEqual({
    code: 0,
    screen:
      `note: "box:is/there" is there already; version ${version} keeps it\n` +
      'Secret for "box:is/there" (not shown): \nThe same again: \n'
  })
  expect(await run(['read', 'box:is/there'])).toMatchObject(done('new'))
})

test('read ends the last line at a terminal, and nowhere else', async () => {
  await run(['put', 'box', 'bare'], { input: 'one' })
  await run(['put', 'box', 'ended'], { input: 'two\n' })
  await run(['put', '--allow-empty', 'box', 'nil'], { input: '' })
  expect(await start('read box:bare box:ended box:nil').ended).toEqual({ code: 0, screen: 'one\ntwo\n' })
  expect(await run(['read', 'box:bare', 'box:ended'])).toMatchObject(done('onetwo\n'))
})

test('what is no text is not shown at a terminal, and is elsewhere', async () => {
  await run(['put', 'box', 'binary'], { input: Buffer.from([0x6f, 0x6b, 0x1b, 0x5b, 0x32, 0x4a]) })
  expect(await start('read box:binary').ended).toEqual({
    code: 1,
    screen:
      'error: stopped reading "box:binary": it is no text, and would steer your terminal\n' +
      'hint: send it to a file or a program, as in: … > FILE; or to see it all the same: … | cat\n'
  })
  expect(await run(['read', 'box:binary'])).toMatchObject(done('ok\u001b[2J'))
})

test('put stores a line that was begun anew with Ctrl-U and ended with Ctrl-D', async () => {
  const terminal = start('put box anew')
  await terminal.type('(not shown): ', 'wrong\u0015right\u0004')
  await terminal.type('again: ', 'right\r')
  expect(await terminal.ended).toMatchObject({ code: 0 })
  expect(await run(['read', 'box:anew'])).toMatchObject(done('right'))
})

test('put stores nothing when nothing is typed, or when it is interrupted', async () => {
  const empty = start('put box nothing')
  await empty.type('(not shown): ', '\r')
  expect(await empty.ended).toEqual({
    code: 1,
    screen: 'Secret for "box:nothing" (not shown): \nerror: nothing was typed, so nothing was stored\n'
  })
  const interrupted = start('put box nothing')
  await interrupted.type('(not shown): ', 'hunt\u0003')
  expect(await interrupted.ended).toEqual({
    code: 1,
    screen: 'Secret for "box:nothing" (not shown): \nerror: interrupted: nothing was stored\n'
  })
  expect(await run(['read', 'box:nothing'])).toMatchObject({ code: 1 })
})

test.each([
  ['two lines at once', 'one\rtwo\r', 'more than one line came at once'],
  ['an arrow key', 'one\u001b[D', 'a control character was typed'],
  ['Ctrl-Z', 'one\u001a', 'a control character was typed']
])('put does not take %s for a secret', async (_, keys, message) => {
  const terminal = start('put box nothing')
  await terminal.type('(not shown): ', keys)
  expect(await terminal.ended).toEqual({
    code: 1,
    screen:
      `Secret for "box:nothing" (not shown): \nerror: ${message}, so nothing was stored\n` +
      'hint: what is more than a line of text comes from a file or a pipe\n'
  })
  expect(await run(['read', 'box:nothing'])).toMatchObject({ code: 1 })
})

test('put takes a pasted line with its end, whatever kind of end it has', async () => {
  const terminal = start('put box pasted')
  await terminal.type('(not shown): ', 'with\ttab\r\n')
  await terminal.type('again: ', 'with\ttab\n')
  expect(await terminal.ended).toMatchObject({ code: 0 })
  expect(await run(['read', 'box:pasted'])).toMatchObject(done('with\ttab'))
})

test('a transfer that takes long says how far it is', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'terminal-'))
  const fifo = join(directory, 'fifo')
  await runProgram('mkfifo', [fifo])
  const terminal = start(`put box slow < ${fifo}`)
  const input = await open(fifo, 'w')
  await input.write('slow')
  await terminal.type('storing "box:slow": 4B, ', '')
  await input.close()
  const { code, screen } = await terminal.ended
  expect(code).toBe(0)
  expect(screen.endsWith('\r\u001b[K')).toBe(true)
  await rm(directory, { recursive: true })
  expect(await run(['read', 'box:slow'])).toMatchObject(done('slow'))
})

test('where it is known how much there is, the progress says how much of it is done', async () => {
  process.kill(daemon().pid, 'SIGSTOP')
  const terminal = start('put --file /etc/passwd box:known')
  try {
    await terminal.type(`storing "box:known": 100% of ${humanSize((await stat('/etc/passwd')).size)}, `, '')
  } finally {
    process.kill(daemon().pid, 'SIGCONT')
  }
  expect((await terminal.ended).code).toBe(0)
})

test('row 32: at a terminal list draws a tree, in which no name steers the terminal', async () => {
  await run(['create', 'tree'])
  await run(['put', 'tree', 'certs/ca.pem'], { input: '12345' })
  await run(['put', '--allow-empty', 'tree', 'certs/\u001b[31mred\u202e\n'], { input: '' })
  const tree =
    'tree   version 3, 2 files, 1 directory, 5B\n' +
    '└── certs/                      0755\n' +
    '    ├── \\u001b[31mred\\u202e\\n   0600   0B\n' +
    '    └── ca.pem                  0600   5B\n'
  expect(await start('list tree').ended).toEqual({ code: 0, screen: tree })
  expect((await start('list none tree').ended).screen).toBe(`none   version 1, empty, 0B\n${tree}`)
  expect((await start('list -r pem tree').ended).screen).toBe(
    'tree   version 3, 2 files, 1 directory, 5B\n└── certs/\n    └── ca.pem   0600   5B\n'
  )
})

test('at a terminal --quiet keeps to plain lines, and --boxes is a table', async () => {
  await run(['create', 'plain'])
  await run(['put', '--allow-empty', 'plain', 'a/b'], { input: '' })
  expect((await start('list -q plain').ended).screen).toBe('plain:a/\nplain:a/b\n')
  expect((await start('list -b -q plain').ended).screen).toBe('plain\n')
  expect((await start('list -b plain').ended).screen).toMatch(
    /^BOX {5,}VERSION {3}ENTRIES {3}SIZE {3}CHANGED\nplain {3}2 {9}2 {9}0B {5}(just now|\d+ seconds? ago)\n$/
  )
})

test('a vault without boxes says how to begin, to people alone', async () => {
  const empty = await startDaemon()
  try {
    const env = { SECRETBOX_SOCKET: empty.adminSocket }
    const command = `"${process.execPath}" "${program}" list`
    const hint = 'there are no boxes yet; to make one: docker-vault create NAME\n'
    expect(await atTerminal(command, env).ended).toEqual({ code: 0, screen: hint })
    expect((await atTerminal(`${command} --boxes`, env).ended).screen).toContain(hint)
    expect(await run(['list'], { env })).toMatchObject(done())
    expect(await run(['list', '--boxes'], { env })).toMatchObject(done())
  } finally {
    await empty.stop()
  }
})

test('at a terminal a template escapes what it prints, too', async () => {
  await run(['create', 'esc'])
  await run(['put', '--allow-empty', 'esc', 'a\nb'], { input: '' })
  expect((await start("list -f '{{.Path}}' esc").ended).screen).toBe('a\\nb\n')
  expect(await run(['list', '-f', '{{.Path}}', 'esc'])).toMatchObject(done('a\nb\n'))
})

test('at a terminal long lines are cut, unless --no-trunc', async () => {
  await run(['create', 'long'])
  await run(['put', '--allow-empty', 'long', 'x'.repeat(60)], { input: '' })
  const narrow = 'stty cols 30; '
  const command = `"${program}" list long`
  const env = { SECRETBOX_SOCKET: daemon().adminSocket }
  expect((await atTerminal(narrow + command, env).ended).screen).toBe(
    `long   version 2, 1 file, 0B\n└── ${'x'.repeat(25)}…\n`
  )
  expect((await atTerminal(`${narrow + command} --no-trunc`, env).ended).screen).toContain('x'.repeat(60))
})
