import { expect, test } from 'vitest'
import { startDaemon } from '../kit/daemon-process.ts'
import { atTerminal } from '../kit/terminal.ts'
import { useCli } from '../kit/use-cli.ts'

const { run, daemon, program } = useCli()

test('a follower of the audit at a terminal sees what comes later, until Ctrl-C ends it without a word', async () => {
  await run(['create', 'before'])
  const terminal = atTerminal(`"${program}" audit --follow --action box.create`, {
    SECRETBOX_SOCKET: daemon().adminSocket
  })
  await terminal.type('box=before', '')
  await run(['create', 'later'])
  await run(['put', 'later:pw'], { input: 'hunter2' })
  await run(['create', 'last'])
  await terminal.type('box=later', '')
  await terminal.type('box=last', '\x03')
  const { code, screen } = await terminal.ended
  // What a shell says of a program that SIGINT ended.
  expect(code).toBe(130)
  const lines = screen.replace('^C', '').trimEnd().split('\n')
  expect(lines[0]).toMatch(/^NUMBER +TIME +CALLER +ACTION +DECISION +SUBJECT$/)
  expect(lines.slice(1).map(line => line.replace(/^\d+ +[\d-]+ [\d:]+ +/, ''))).toEqual(
    ['before', 'later', 'last'].map(
      box => expect.stringMatching(new RegExp(`^root +box.create +allowed +box=${box}`)) as string
    )
  )
})

test('at a terminal the audit says how long ago something was, and elsewhere when', async () => {
  await run(['create', 'young'])
  const args = 'audit young --action box.create'
  const terminal = atTerminal(`"${program}" ${args}`, { SECRETBOX_SOCKET: daemon().adminSocket })
  expect((await terminal.ended).screen).toMatch(/\n\d+ +(just now|\d+ seconds? ago) +root +box\.create /)
  expect((await run(args.split(' '))).stdout).toMatch(/\n\d+ +[\d-]+T[\d:.]+Z +root +box\.create /)
})

test('a follower whose reader has enough ends, and one whose daemon ends says so', async () => {
  const followed = await startDaemon()
  const env = { SECRETBOX_SOCKET: followed.adminSocket }
  try {
    await run(['create', 'box'], { env })
    const reader = atTerminal(`"${program}" audit --follow --format json | head -n 1; echo done`, env)
    await reader.type('box.create', '')
    await run(['create', 'other'], { env })
    expect((await reader.ended).screen).toMatch(/^\{.*\}\ndone\n$/)
    const terminal = atTerminal(`"${program}" audit --follow`, env)
    await terminal.type('box=other', '')
    await followed.kill('SIGKILL')
    const { code, screen } = await terminal.ended
    expect(code).toBe(1)
    expect(screen).toMatch(/\nerror: the daemon stopped in the middle of "the audit"\n$/)
  } finally {
    await followed.stop()
  }
})
