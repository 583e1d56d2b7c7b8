import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { startDaemon } from '../kit/daemon-process.ts'
import { atTerminal } from '../kit/terminal.ts'
import { done } from '../kit/run-program.ts'
import { scratchDirectory, temporaryDirectory } from '../kit/temporary.ts'
import { useCli } from '../kit/use-cli.ts'

const { run, daemon, program } = useCli()
const passphrase = 'correct horse battery'

const names = async (): Promise<string> =>
  (await run(['keyslot', 'list', '-f', '{{.Name}} {{.Kind}}'])).stdout

test('keyslots of each kind are made, listed, tried and removed, and the last one stays', async () => {
  const scratch = scratchDirectory()
  expect(await names()).toBe('key-file key-file\n')
  expect(await run(['keyslot', 'add', 'passphrase'], { input: `${passphrase}\n` })).toMatchObject(done())
  const { code, stdout, stderr } = await run(['keyslot', 'add', 'recovery', '--name', 'safe'])
  expect([code, stderr]).toEqual([
    0,
    'this is shown once: keep it where neither this host nor its backups are\n'
  ])
  expect(stdout).toMatch(/^([0-9a-z]{5}-){7}[0-9a-z]{5}\n$/)
  const stick = join(scratch, 'stick')
  expect(await run(['keyslot', 'add', 'key-file', '--name', 'stick', '--key-file', stick])).toMatchObject(
    done()
  )
  expect(statSync(stick).mode & 0o777).toBe(0o600)
  const table = (await run(['keyslot', 'list'])).stdout
  expect(table).toMatch(
    /^NAME +KIND +BY +MADE +LAST OPENED\nkey-file +key-file +0 +([^\n]+ ago|just now) +([^\n]+ ago|just now)\n/
  )
  expect(table).toMatch(/\nsafe +recovery +0 +([^\n]+ ago|just now) +never\n/)
  expect(await names()).toBe('key-file key-file\npassphrase passphrase\nsafe recovery\nstick key-file\n')

  const opens = { code: 0, stdout: 'it opens the vault\n' }
  expect(await run(['keyslot', 'test', 'safe'], { input: stdout.toUpperCase() })).toMatchObject(opens)
  expect(await run(['keyslot', 'test', 'stick', '--key-file', stick])).toMatchObject(opens)
  const other = join(daemon().directory, 'key/key')
  expect(await run(['keyslot', 'test', 'stick', '--key-file', other])).toMatchObject({
    code: 1,
    stdout: 'it does not open the vault\n'
  })
  // Anew: the old file opens nothing.
  const anew = join(scratch, 'anew')
  expect(await run(['keyslot', 'replace', 'stick', '--key-file', anew])).toMatchObject(done())
  expect(readFileSync(anew).equals(readFileSync(stick))).toBe(false)
  await run(['create', 'b1', 'b2'])
  const rotateHint =
    'who had it may know the keys of vault and boxes: make them others with docker-vault rotate root, then rotate box --all\n'
  expect(await run(['keyslot', 'remove', 'stick'])).toMatchObject({
    code: 0,
    stdout: 'b1\nb2\n',
    stderr:
      'keyslot "stick" could open these boxes: if somebody else had it, replace what is in them\n' +
      rotateHint
  })
  expect(await run(['rotate', 'box', 'b1', 'b2'])).toMatchObject(done())
  expect(await run(['rotate', 'box', '--all'])).toMatchObject({
    code: 0,
    stdout: '',
    stderr: 'box 1 of 2: b1\nbox 2 of 2: b2\n'
  })
  expect(await run(['rotate', 'box', 'none'])).toMatchObject({ code: 1 })
  for (const [args, message] of [
    [['box'], 'name boxes, or say --all'],
    [['box', '--all', 'b1'], 'name boxes, or say --all'],
    [['root', 'b1'], '"rotate root" takes no boxes'],
    [['all'], 'cannot rotate "all"\nhint: there are: root, box']
  ] as const)
    expect(await run(['rotate', ...args])).toMatchObject({ code: 2, stderr: `error: ${message}\n` })
  await run(['destroy', 'b1', 'b2'])
  expect(await run(['rotate', 'root'])).toMatchObject(done())
  expect(await run(['keyslot', 'test', 'safe'], { input: stdout })).toMatchObject(opens)
  for (const name of ['safe', 'passphrase'])
    expect(await run(['keyslot', 'remove', name])).toMatchObject({ code: 0, stdout: '', stderr: rotateHint })
  expect(await run(['keyslot', 'remove', 'key-file'])).toMatchObject({
    code: 1,
    stderr:
      'error: cannot remove keyslot "key-file": it is the last one\n' +
      'hint: add another one first: docker vault keyslot add passphrase\n'
  })
})

test.each([
  [['add'], 'say what kind of keyslot to add', 'kinds are passphrase, recovery, recipient, key-file'],
  [['add', 'tpm'], 'unknown kind of keyslot "tpm"', 'kinds are passphrase, recovery, recipient, key-file'],
  [['open'], 'unknown word "open" after "keyslot"', 'there are: add, list, remove, replace, test'],
  [['remove'], 'say which keyslot to remove', 'see which there are: keyslot list'],
  [['add', 'key-file'], 'say where the key file is to be: --key-file FILE', null],
  [['add', 'recovery', '--key-file', 'x'], '--key-file is for a key file, not for a recovery', null],
  [['list', 'x'], '"list" takes no more words, not "x"', null],
  [['remove', 'a', 'b'], '"remove" takes no more words, not "b"', null],
  [['add', 'recovery', 'a', 'b'], '"add" takes no more words, not "b"', null],
  [['add', 'recovery', 'a', '--name', 'b'], '"add" takes no more words, not "a"', null],
  [['add', 'recipient'], 'say for whom: the public key of an age identity', 'age-keygen prints one: age1…'],
  [['list', '--identity', 'x'], '--identity is for "test"', null]
])('keyslot %j is refused before anything is asked', async (args, message, hint) => {
  const { code, stderr } = await run(['keyslot', ...args])
  expect(code).toBe(2)
  expect(stderr).toBe(`error: ${message}\n${hint === null ? '' : `hint: ${hint}\n`}`)
})

test('a recipient opens the vault with what age-keygen made, and another host joins by it', async () => {
  const scratch = scratchDirectory()
  const [identity, other] = [join(scratch, 'identity'), join(scratch, 'other')]
  for (const path of [identity, other]) execFileSync('age-keygen', ['-o', path], { stdio: 'pipe' })
  const recipient = /age1\S+/.exec(readFileSync(identity, 'utf8'))?.[0] ?? ''
  expect(await run(['keyslot', 'add', 'recipient', 'host-b', recipient])).toMatchObject(done())
  const { code, stderr } = await run(['keyslot', 'add', 'recipient', 'x', `${recipient.slice(0, -1)}b`])
  expect([code, stderr]).toEqual([
    1,
    expect.stringMatching(
      /^error: bad recipient "age1.*"\nhint: it is the public key of an age identity, as age-keygen prints it: age1…\n$/
    )
  ])
  expect(await run(['keyslot', 'test', 'host-b', '--identity', identity])).toMatchObject({
    code: 0,
    stdout: 'it opens the vault\n'
  })
  expect(await run(['keyslot', 'test', 'host-b', '--identity', other])).toMatchObject({
    code: 1,
    stdout: 'it does not open the vault\n'
  })
  expect(await run(['keyslot', 'test', 'host-b'])).toMatchObject({
    code: 2,
    stderr: 'error: keyslot "host-b" is opened by an identity\nhint: say which: --identity FILE\n'
  })
  await run(['create', 'joined'])
  await run(['put', 'joined:f'], { input: 'x' })

  // The store alone goes to the other host.
  const elsewhere = temporaryDirectory()
  cpSync(join(daemon().directory, 'data'), join(elsewhere, 'data'), { recursive: true })
  const joining = await startDaemon({}, elsewhere)
  try {
    const there = (args: string[], given = {}) =>
      run(args, { env: { SECRETBOX_SOCKET: joining.adminSocket }, ...given })
    expect((await there(['keyslot', 'list', '-f', '{{.Name}}'])).stdout).toBe('key-file\nhost-b\n')
    expect(await there(['unseal', '--identity', other])).toMatchObject({
      code: 1,
      stderr: 'error: no keyslot is for this identity\nhint: see which there are: docker vault keyslot list\n'
    })
    expect(await there(['unseal', '--identity', '-'], { input: readFileSync(identity) })).toMatchObject(
      done()
    )
    expect(await there(['read', 'joined:f'])).toMatchObject(done('x'))
    const key = join(joining.directory, 'key/key')
    expect(await there(['keyslot', 'add', 'key-file', 'here', '--key-file', key])).toMatchObject(done())
    expect(await joining.kill('SIGTERM')).toBe(0)
    const again = await startDaemon({}, joining.directory)
    expect(await run(['read', 'joined:f'], { env: { SECRETBOX_SOCKET: again.adminSocket } })).toMatchObject(
      done('x')
    )
    await again.stop()
  } finally {
    await joining.stop()
  }
  expect(await run(['keyslot', 'replace', 'host-b'])).toMatchObject(done())
  expect(await run(['keyslot', 'test', 'host-b', '--identity', identity])).toMatchObject({ code: 0 })
  expect(await run(['keyslot', 'remove', 'host-b'])).toMatchObject({ code: 0, stdout: 'joined\n' })
  await run(['destroy', 'joined'])
})

test('a key file takes the place of nothing that is there', async () => {
  const path = join(scratchDirectory(), 'there')
  writeFileSync(path, 'x')
  const { code, stderr } = await run(['keyslot', 'add', 'key-file', '--name', 'n', '--key-file', path])
  expect([code, stderr]).toEqual([
    1,
    `error: cannot write "${path}": something of that name is there already\n`
  ])
  // And one that the daemon refuses leaves no file.
  const second = join(scratchDirectory(), 'second')
  expect(await run(['keyslot', 'add', 'key-file', '--name', 'key-file', '--key-file', second])).toMatchObject(
    { code: 1 }
  )
  expect(existsSync(second)).toBe(false)
})

test('a sealed vault stays so until it is unsealed, whatever lies in the key directory', async () => {
  await run(['create', 'box'])
  await run(['keyslot', 'add', 'passphrase'], { input: passphrase })
  expect(await run(['seal'])).toMatchObject(done())
  const { code, stderr } = await run(['list', '--boxes'])
  expect(code).toBe(1)
  expect(stderr).toMatch(
    /^error: the vault is sealed: uid 0 sealed it at .*\nhint: open it: docker vault unseal\n$/
  )
  expect(await run(['status', '--quiet'])).toMatchObject({ code: 1 })
  expect(await run(['unseal'], { input: '' })).toMatchObject({
    code: 1,
    stderr: 'error: standard input is empty\nhint: pipe it in, or call this at a terminal to be asked\n'
  })
  expect(await run(['unseal'], { input: 'wrong horse battery' })).toMatchObject({
    code: 1,
    stderr:
      'error: no keyslot opens with this passphrase\nhint: see which there are: docker vault keyslot list\n'
  })
  expect((await run(['unseal'], { input: passphrase })).stderr).toMatch(
    /^error: the last try was wrong: the next is taken in \d s\n/
  )
  // Not by that keyslot, and shown to nobody.
  const terminal = atTerminal(
    `"${program}" unseal --keyslot key-file --key-file "${daemon().directory}/key/key"`,
    {
      SECRETBOX_SOCKET: daemon().adminSocket
    }
  )
  expect(await terminal.ended).toEqual({ code: 0, screen: '' })
  expect(await run(['list', '--boxes'])).toMatchObject(done('box\n'))
  expect(await run(['unseal'], { input: passphrase })).toMatchObject({
    code: 1,
    stderr: 'error: the vault is unsealed already\n'
  })
})
