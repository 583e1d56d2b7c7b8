import { expect, onTestFinished, test } from 'vitest'
import { driverAt, freshId } from '../kit/driver.ts'
import { addContainer, standInEngine } from '../kit/stand-in-engine.ts'
import { start } from '../kit/started.ts'
import { done } from '../kit/run-program.ts'
import { useCli } from '../kit/use-cli.ts'

const { run } = useCli()

test('destroy keeps a box that containers use and names them; --force does it all the same', async () => {
  const engine = await standInEngine()
  const { daemon } = await start({ SECRETBOX_DOCKER_SOCKET: engine.socket })
  const [at, driver] = [{ env: { SECRETBOX_SOCKET: daemon.adminSocket } }, driverAt(daemon.pluginSocket)]
  onTestFinished(() => driver.close())
  await run(['create', 'used', 'free', 'held'], at)
  for (const name of ['used', 'held']) await driver.createVolume(name)
  await driver.call('Create', { Name: 'other', Opts: { box: 'used' } })
  addContainer(engine, 'web', { state: 'running', volumes: ['used'] })
  addContainer(engine, 'job', { volumes: ['elsewhere', 'other'] })
  const hint = 'hint: remove what uses it first, or take --force; running containers then keep their copies\n'
  expect(await run(['destroy', 'free', 'used'], at)).toMatchObject({
    code: 1,
    stdout: 'free\n',
    stderr: `error: cannot destroy box "used": it is in use by 2 containers: "job" (exited), "web" (running)\n${hint}`
  })
  expect(await run(['list', '--boxes'], at)).toMatchObject(done('held\nused\n'))

  // A copy without a container that is known of is in use, too.
  await driver.mount('held', freshId())
  expect(await run(['destroy', 'held'], at)).toMatchObject({
    code: 1,
    stderr: `error: cannot destroy box "held": it is in use by a container: one that is just starting\n${hint}`
  })
  expect(await run(['destroy', '--force', 'used', 'gone', 'held'], at)).toMatchObject(done('used\nheld\n'))
})

test('rename gives a box another name, and says nothing', async () => {
  await run(['create', 'old name'])
  await run(['put', 'old name:pw'], { input: 'x' })
  expect(await run(['rename', 'old name', 'new name'])).toMatchObject(done())
  expect(await run(['read', 'new name:pw'])).toMatchObject(done('x'))
  expect(await run(['read', 'old name:pw'])).toMatchObject({ code: 1 })
  for (const [args, message] of [
    [['rename', 'new name', 'new name'], 'box "new name" exists already'],
    [['rename', 'nosuchbox', 'x'], 'no such box "nosuchbox"'],
    [['rename', 'new name', 'a/b'], 'bad box name "a/b": it contains "/"'],
    [['rename', 'new name:pw', 'x'], 'bad box name "new name:pw": it contains ":"']
  ] as const) {
    const { code, stderr } = await run(args)
    expect(code).toBe(1)
    expect(stderr).toContain(`error: ${message}\n`)
  }
  expect(await run(['list', 'new name'])).toMatchObject(done('new name:pw\n'))
  await run(['destroy', 'new name'])
})

test('rename keeps a box that volumes show or containers use under its name', async () => {
  const engine = await standInEngine()
  const { daemon } = await start({ SECRETBOX_DOCKER_SOCKET: engine.socket })
  const [at, driver] = [{ env: { SECRETBOX_SOCKET: daemon.adminSocket } }, driverAt(daemon.pluginSocket)]
  onTestFinished(() => driver.close())
  await run(['create', 'used', 'shown'], at)
  await driver.createVolume('used')
  await driver.call('Create', { Name: 'idle', Opts: { box: 'shown' } })
  addContainer(engine, 'web', { state: 'running', volumes: ['used'] })
  for (const [box, users] of [
    ['used', 'container "web" (running)'],
    ['shown', 'volume "idle"']
  ] as const) {
    expect(await run(['rename', box, 'new'], at)).toMatchObject({
      code: 1,
      stderr:
        `error: cannot rename box "${box}": it is in use by ${users}\n` +
        `hint: remove these first, or copy the box to a new one: docker vault cp ${box}: NEW:\n`
    })
  }
  expect(await run(['list', '--boxes'], at)).toMatchObject(done('shown\nused\n'))
  await driver.call('Remove', { Name: 'idle' })
  expect(await run(['rename', 'shown', 'new'], at)).toMatchObject(done())
  expect(await run(['list', '--boxes'], at)).toMatchObject(done('new\nused\n'))
})

test('row 34: list --boxes prints names alone when it is piped', async () => {
  await run(['create', 'l1', 'l2'])
  await run(['put', 'l2', 'certs/ca.pem'], { input: '12345' })
  const { stdout } = await run(['list', '--boxes'])
  expect(stdout.split('\n')).toEqual(expect.arrayContaining(['l1', 'l2']))
  expect(await run(['ls', '-b', 'l2', 'l1', 'l0'])).toMatchObject({
    code: 1,
    stdout: 'l2\nl1\n',
    stderr: 'error: no such box "l0"\nhint: did you mean "l1"?\n'
  })
  expect(await run(['ls', '-b', '-r', 'pem$', 'l1', 'l2'])).toMatchObject(done('l2\n'))
  expect(await run(['ls', '-b', '-f', '{{.Name}} {{.Version}} {{.Files}} {{.Size}}', 'l2'])).toMatchObject(
    done('l2 2 2 5\n')
  )
  expect(await run(['ls', '-b', '-f', 'table {{.Name}}\\t{{.Size}}', 'l2', 'l1'])).toMatchObject(
    done('BOX   SIZE\nl2    5B\nl1    0B\n')
  )
  const json = await run(['ls', '-b', '-f', 'json', 'l2'])
  expect(JSON.parse(json.stdout)).toEqual({
    Name: 'l2',
    UUID: expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
    Owner: 0,
    Type: '',
    Version: 2,
    Files: 2,
    Size: 5,
    Created: expect.stringMatching(/^\d{4}-.*Z$/) as string,
    Changed: expect.stringMatching(/^\d{4}-.*Z$/) as string
  })
})
