import { randomBytes } from 'node:crypto'
import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { replay, rowsOf } from '../rows/transcript.ts'
import { temporaryDirectory } from '../kit/temporary.ts'
import { clientsWithBuildKit } from '../kit/engine/clients.ts'
import { testImage } from '../kit/engine/image.ts'
import { formsOf } from '../kit/engine/search.ts'
import { freshName, liveCopies, sharedEngine } from '../kit/engine/shared-engine.ts'

const engine = sharedEngine()
/** What no image, log or record of the Engine may hold. */
const secret = randomBytes(24).toString('hex')
let env: NodeJS.ProcessEnv

beforeAll(async () => {
  const [client] = await clientsWithBuildKit(engine)
  if (client === undefined) throw new Error('there is no docker client with BuildKit')
  const directory = join(engine.root, freshName('rows'))
  await mkdir(directory)
  await symlink(client, join(directory, 'docker'))
  const forms = join(engine.root, 'rows-forms')
  await writeFile(forms, formsOf(secret).join('\n'))
  env = {
    ...engine.env,
    PATH: `${directory}:${process.env['PATH']}`,
    LANG: 'C.UTF-8',
    IMAGE: testImage,
    SECRET: secret,
    FORMS: forms,
    ENGINE_DATA: engine.dataRoot
  }
})

async function all(...listing: string[]): Promise<string[]> {
  return (await engine.docker(listing)).split('\n').filter(Boolean)
}

beforeEach(async () => {
  const boxes = await all('vault', 'list', '--boxes')
  if (boxes.length > 0) await engine.docker(['vault', 'destroy', '--', ...boxes])
})

afterEach(async () => {
  const containers = await all('ps', '--all', '--quiet')
  if (containers.length > 0) await engine.docker(['rm', '--force', '--volumes', ...containers])
  const volumes = await all('volume', 'ls', '--quiet')
  if (volumes.length > 0) await engine.docker(['volume', 'rm', ...volumes])
  expect(await liveCopies(engine)).toEqual([])
})

test.each(rowsOf('containers.txt'))('row $row: $rule', async ({ transcript }) => {
  const { written, came } = await replay(transcript, { cwd: temporaryDirectory(), env })
  expect(came).toEqual(written)
})
