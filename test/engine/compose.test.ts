import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { runCommand } from './command.ts'
import { testImage } from './image.ts'
import { liveCopies, makeBox, sharedEngine } from './shared-engine.ts'

const engine = sharedEngine()

/** The compose file that README.md shows: its only YAML block with services. */
async function composeFileOfReadme(): Promise<string> {
  const readme = await readFile(new URL('../../README.md', import.meta.url), 'utf8')
  const blocks = [...readme.matchAll(/```ya?ml\n(.*?)```/gs)].map(([, block]) => block ?? '')
  const composeFiles = blocks.filter(block => block.includes('services:'))
  expect(composeFiles).toHaveLength(1)
  return composeFiles[0] ?? ''
}

test("the README's compose file gives its service the box", async () => {
  const composeFile = await composeFileOfReadme()
  const project = join(engine.root, 'composed')
  await mkdir(project)
  // The image is the reader's own; here it is the test image, without the network that a private Engine lacks.
  const image = /^( +)image: .*$/m
  expect(composeFile).toMatch(image)
  await writeFile(
    join(project, 'docker-compose.yaml'),
    composeFile.replace(
      image,
      `$1image: ${testImage}\n$1network_mode: none\n$1command: cat /run/vault/db/password`
    )
  )
  await makeBox(engine, 'db', { password: 'hunter2' })
  const compose = (...args: string[]): Promise<string> =>
    runCommand('docker-compose', ['--no-ansi', ...args], { cwd: project, env: engine.env })

  await compose('up', '--no-color')
  expect(await compose('logs', '--no-color', '--no-log-prefix')).toContain('hunter2')
  expect(await liveCopies(engine)).toEqual([])
  // A second time it finds the volume that it made the first time.
  await compose('up', '--no-color', '--force-recreate')
  await compose('down', '--volumes')
  expect(await engine.docker(['volume', 'ls', '--quiet'])).not.toContain('composed_db')
  expect(await engine.docker(['vault', 'read', 'db:password'])).toBe('hunter2')
})
