import { rename } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { startDaemon } from '../kit/daemon-process.ts'
import { done } from '../kit/run-program.ts'
import { useCli } from '../kit/use-cli.ts'

const { run } = useCli()

test('while the vault is sealed the exit status is 1, and the reason is shown', async () => {
  const first = await startDaemon()
  await first.kill('SIGTERM')
  await rename(join(first.directory, 'key/key'), join(first.directory, 'away'))
  const sealed = await startDaemon({}, first.directory)
  const env = { SECRETBOX_SOCKET: sealed.adminSocket }
  try {
    const { code, stdout, stderr } = await run(['status'], { env })
    expect({ code, stderr }).toEqual({ code: 1, stderr: '' })
    expect(stdout).toMatch(
      /^Sealed: +yes\nReason: +the vault is sealed: there is no key file ".*\/key\/key"\n/
    )
    expect(await run(['status', '-q'], { env })).toMatchObject({ code: 1, stdout: '', stderr: '' })
    expect(await run(['status', '--format', '{{.Sealed}}'], { env })).toMatchObject({
      code: 1,
      stdout: 'true\n'
    })
    await rename(join(first.directory, 'away'), join(first.directory, 'key/key'))
    expect(await run(['status', '-q'], { env })).toMatchObject(done())
  } finally {
    await sealed.stop()
  }
})

test('without a daemon the exit status is 3, also when nothing is printed', async () => {
  const env = { SECRETBOX_SOCKET: '/nowhere' }
  for (const args of [['status'], ['status', '--quiet']])
    expect(await run(args, { env })).toMatchObject({ code: 3, stdout: '' })
})
