import { expect, test } from 'vitest'
import { makeBox } from '../kit/driver.ts'
import { addContainer, standInEngine } from '../kit/stand-in-engine.ts'
import { start } from '../kit/started.ts'
import { done } from '../kit/run-program.ts'
import { useCli } from '../kit/use-cli.ts'

const { run } = useCli()
const anonymous = 'a'.repeat(64)

test('status names the containers that were given other options than their volumes have', async () => {
  const engine = await standInEngine()
  const { daemon, driver } = await start({ SECRETBOX_DOCKER_SOCKET: engine.socket })
  await makeBox(daemon.adminSocket, 'db', { password: 'hunter2' })
  await driver.call('Create', { Name: 'db', Opts: { mode: '0400', uid: '999' } })
  await driver.call('Create', { Name: anonymous, Opts: { box: 'db', mode: '0400' } })
  const env = { SECRETBOX_SOCKET: daemon.adminSocket }
  const given = (volume: string, options: Record<string, string> | null) => ({
    givenOptions: [{ volume, options }]
  })
  addContainer(engine, 'none', { volumes: ['db'], ...given('db', null) })
  addContainer(engine, 'same', { volumes: ['db'], ...given('db', { uid: '999', mode: '0o400', rw: '0' }) })
  addContainer(engine, 'unnamed', { volumes: [anonymous], ...given('', { box: 'db', mode: '0400' }) })
  addContainer(engine, 'foreign', { volumes: ['data'], ...given('data', { type: 'nfs' }) })
  expect((await run(['status', '-f', '{{json .OtherOptions}}'], { env })).stdout).toBe('[]\n')
  const plain = await run(['status'], { env })
  expect(plain).toMatchObject({ code: 0, stderr: '' })
  expect(plain.stdout).not.toContain('Other Options')

  addContainer(engine, 'web', { volumes: ['db'], ...given('db', { uid: '1000' }) })
  addContainer(engine, 'api', {
    volumes: [anonymous],
    state: 'running',
    ...given('', { box: 'db', mode: '0440' })
  })
  const { code, stdout, stderr } = await run(['status'], { env })
  expect(code).toBe(0)
  expect(stdout).toMatch(
    /^Other Options: +container "web" was given others: volume "db" has uid=999 instead of uid=1000, mode=0400 instead of no mode\n +container "api" was given others: volume "a{64}" has mode=0400 instead of mode=0440$/m
  )
  expect(stderr).toBe(
    'hint: docker asks no driver about a volume that exists, and takes it as it is: remove it first, or use another name\n'
  )
  const format = '{{range .OtherOptions}}{{.Container}} {{.Volume}} {{json .Options}}\n{{end}}'
  expect((await run(['status', '-f', format], { env })).stdout).toContain(
    'web db [{"Option":"uid","Given":"1000","Has":"999"},{"Option":"mode","Given":null,"Has":"0400"}]\n'
  )
  expect(await run(['status', '-q'], { env })).toMatchObject(done())
})
