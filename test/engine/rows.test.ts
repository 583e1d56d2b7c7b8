import { randomBytes } from 'node:crypto'
import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { replay, rowsOf } from '../rows/transcript.ts'
import { temporaryDirectory } from '../kit/temporary.ts'
import { askJson } from '../kit/engine/admin.ts'
import { callEngine } from '../kit/engine/call-engine.ts'
import { clientsWithBuildKit } from '../kit/engine/clients.ts'
import { testImage } from '../kit/engine/image.ts'
import { formsOf } from '../kit/engine/search.ts'
import { freshName, liveCopies, removeContainers, sharedEngine } from '../kit/engine/shared-engine.ts'

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

const adminSocket = join(engine.pluginData, 'admin.sock')

beforeEach(async () => {
  const { boxes } = await askJson<{ boxes: { name: string }[] }>(adminSocket, 'GET', '/vault/')
  for (const { name } of boxes)
    await askJson(adminSocket, 'DELETE', `/vault/${encodeURIComponent(name)}/?force=1`)
})

afterEach(async () => {
  await removeContainers(engine)
  const { Volumes } = await callEngine<{ Volumes: { Name: string }[] | null }>(engine, 'GET', '/volumes')
  for (const { Name } of Volumes ?? [])
    await callEngine(engine, 'DELETE', `/volumes/${encodeURIComponent(Name)}`)
  expect(await liveCopies(engine)).toEqual([])
})

test.each(rowsOf('containers.txt'))('row $row: $rule', async ({ transcript }) => {
  const { written, came } = await replay(transcript, { cwd: temporaryDirectory(), env })
  expect(came).toEqual(written)
})
