import { dirname } from 'node:path'
import { beforeEach, expect, test } from 'vitest'
import { useCli } from '../kit/use-cli.ts'
import { temporaryDirectory } from '../kit/temporary.ts'
import { replay, rowsOf } from './transcript.ts'

const { run, daemon, program } = useCli()

/** The programs of a transcript: ours under its name, and the system's. */
const environment = (): NodeJS.ProcessEnv => ({
  PATH: [dirname(program), process.env['PATH']].join(':'),
  LANG: 'C.UTF-8',
  SECRETBOX_SOCKET: daemon().adminSocket,
  SOCKET: daemon().adminSocket,
  DATA: `${daemon().directory}/data`
})

beforeEach(async () => {
  const boxes = (await run(['list', '--boxes'])).stdout.split('\n').filter(Boolean)
  if (boxes.length > 0) await run(['destroy', '--', ...boxes])
})

test.each([...rowsOf('boxes.txt'), ...rowsOf('api.txt')])('row $row: $rule', async ({ transcript }) => {
  const { written, came } = await replay(transcript, { cwd: temporaryDirectory(), env: environment() })
  expect(came).toEqual(written)
})

test('a transcript that tells otherwise fails', async () => {
  const surroundings = { cwd: temporaryDirectory(), env: environment() }
  const transcript = '$ echo one; echo two >&2; exit 3\none\n! t…o\n[3]\n$ echo said\nsilent\n'
  const { written, came } = await replay(transcript, surroundings)
  expect(written).toHaveLength(6)
  expect(came).toEqual([...written.slice(0, 5), 'said'])
})
