import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { pack } from 'tar-stream'
import { expect, test } from 'vitest'
import { useCli } from '../kit/use-cli.ts'

const { run, daemon, program } = useCli()

test('Ctrl-C while a tree is sent says that nothing was added, and so it is', async () => {
  await run(['create', 'web'])
  const child = spawn(process.execPath, [program, 'cp', '-', 'web:'], {
    env: { PATH: process.env['PATH'], SECRETBOX_SOCKET: daemon().adminSocket },
    stdio: ['pipe', 'ignore', 'pipe']
  })
  child.stdin.on('error', () => undefined)
  const tarball = pack()
  const entry = tarball.entry({ name: 'large', size: 64 << 20 })
  // The program goes away while more is written.
  for (const stream of [tarball, entry]) stream.on('error', () => undefined)
  tarball.pipe(child.stdin)
  // More than pipes hold: when it is written, the program is sending it.
  for (let sent = 0; sent < 32; sent++) if (!entry.write(Buffer.alloc(1 << 20))) await once(entry, 'drain')
  child.kill('SIGINT')
  const [stderr, [code]] = await Promise.all([text(child.stderr), once(child, 'close') as Promise<[number]>])
  expect({ code, stderr }).toEqual({
    code: 130,
    stderr:
      '\nerror: interrupted: nothing was added to "web"\n' +
      'hint: if it was just about to be done, it may have been; see: docker vault versions\n'
  })
  expect((await run(['inspect', '-f', '{{.Version}} {{len .Files}}', 'web'])).stdout).toBe('1 0\n')
})
