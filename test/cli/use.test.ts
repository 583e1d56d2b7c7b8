import { spawn } from 'node:child_process'
import { chmodSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { buffer, text } from 'node:stream/consumers'
import { beforeAll, expect, test } from 'vitest'
import { useCli } from '../kit/use-cli.ts'
import { standIns, type Said, type StandIns } from './stand-ins.ts'

/* What people who are not root may give to containers, as our own commands ask the daemon. */

const { run, daemon, program } = useCli()
const [nobody, other] = [65534, 1]
const launcher = '/run/secretbox/launcher'

/** Runs the program as somebody who is not root, at the socket that is for all. */
async function runAs(
  uid: number,
  { env }: Pick<StandIns, 'env'>,
  args: readonly string[]
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const as = [`--reuid=${uid}`, `--regid=${uid}`, '--clear-groups', program, ...args]
  const child = spawn('setpriv', as, {
    cwd: '/',
    env: { ...env, SECRETBOX_SOCKET: daemon().publicSocket },
    stdio: ['ignore', 'pipe', 'pipe']
  })
  const [stdout, stderr, code] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    new Promise<number | null>(resolve => child.once('exit', resolve))
  ])
  return { code, stdout, stderr }
}

/** Stand-ins that everybody may use. */
async function forAll(script: string, said: Said = {}): Promise<StandIns> {
  const made = await standIns(script, { web: {} }, { config: { web: { Cmd: ['serve'] } }, ...said })
  const socket = (made.env['DOCKER_HOST'] ?? '').replace('unix://', '')
  chmodSync(dirname(socket), 0o755)
  chmodSync(socket, 0o666)
  const record = join(dirname(socket), 'calls')
  writeFileSync(record, '')
  chmodSync(record, 0o666)
  return made
}

const denied = (box: string, uid: number): string =>
  `error: you may not give box "${box}" to a container\n` +
  `hint: who manages the box can let you: docker vault grant ${box} user:${uid} use\n`

beforeAll(async () => {
  await run(['put', '--create', 'mine', 'vars'], { input: 'A=1' })
  await run(['grant', 'mine', `user:${nobody}`, 'use'])
  await run(['grant', 'mine', `user:${other}`, 'info', 'write'])
})

test.each([
  ['run', ['run', '--inject', 'mine', 'web']],
  ['create-container', ['create-container', '--inject', 'mine:/x', 'web']],
  ['--env-box', ['run', '--env-box', 'mine:vars', 'web']]
])('%s takes the right to use a box, and no other', async (_what, args) => {
  const made = await forAll('exit 0')
  expect(await runAs(other, made, args)).toEqual({ code: 1, stdout: '', stderr: denied('mine', other) })
  // Who has no right at all is told the same of a box that is not there.
  const absent = args.map(word => word.replace('mine', 'none'))
  expect(await runAs(other, made, absent)).toEqual({ code: 1, stdout: '', stderr: denied('none', other) })
  expect(await made.calls()).toEqual([])
  expect(await runAs(nobody, made, args)).toEqual({ code: 0, stdout: '', stderr: '' })
  const [call = []] = await made.calls()
  expect(call.at(-1) === 'web' || call.includes(launcher)).toBe(true)
  // What tells of contents is for who may read them.
  expect(call.join(' ')).not.toContain('io.secretbox.digest')
})

test('who may use a box and not look into it names the file', async () => {
  const made = await forAll('exit 0')
  expect(await runAs(nobody, made, ['run', '--env-box', 'mine', 'web'])).toEqual({
    code: 1,
    stdout: '',
    stderr:
      'error: cannot tell which file of box "mine" has the variables\n' +
      'hint: you may use it, and not look into it: name the file, mine:FILE\n'
  })
})

test('who may not make boxes that go with their container is told what that takes', async () => {
  const made = await forAll('exit 0')
  const refused = {
    code: 1,
    stdout: '',
    stderr:
      'error: you may not make boxes that go with their container\n' +
      `hint: as root: docker vault grant 'ephemeral-*' user:${other} manage\n`
  }
  expect(await runAs(other, made, ['run', '--inject-dir', '/usr/share/doc:/x', 'web'])).toEqual(refused)
  expect(await made.calls()).toEqual([])
})

test('compose asks for those boxes that its services are to have', async () => {
  const model = {
    name: 'p',
    services: { web: { image: 'web', 'x-vault-env': 'mine:vars', secrets: ['s'] } },
    secrets: { s: { 'x-vault': 'mine:vars' } }
  }
  const made = await forAll(`case "$*" in
    *--short) echo 2.29.1 ;;
    version*) echo 1.45 ;;
    *config*) echo '${JSON.stringify(model)}' ;;
    *) while [ "$1" != --file ]; do shift; done; cat "$2" ;;
  esac`)
  expect(await runAs(other, made, ['compose', 'up'])).toEqual({
    code: 1,
    stdout: '',
    stderr: denied('mine', other)
  })
  const { code, stdout, stderr } = await runAs(nobody, made, ['compose', 'up'])
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout).toContain('"/run/secretbox/env/1/vars","--"]')
  expect((await runAs(other, made, ['compose', 'ps'])).code).toBe(0)
})

test('exec gives the variables of a container to who may use their box', async () => {
  const volume = 'f'.repeat(64)
  const containers = {
    web: {
      Path: launcher,
      Args: ['/run/secretbox/env/1/vars', '--', 'x'],
      Mounts: [{ Type: 'volume', Name: volume, Destination: '/run/secretbox/env/1' }]
    }
  }
  const create = spawn('curl', [
    ...['-s', '--unix-socket', `${daemon().directory}/plugin.sock`, 'http://driver/VolumeDriver.Create'],
    ...['-d', JSON.stringify({ Name: volume, Opts: { box: 'mine', path: 'vars' } })]
  ])
  expect((await buffer(create.stdout)).toString()).toBe('{}')
  const made = await forAll('exit 0', { containers })
  const args = ['exec', 'web', 'sh']
  expect(await runAs(other, made, args)).toEqual({ code: 1, stdout: '', stderr: denied('mine', other) })
  expect((await runAs(nobody, made, args)).stderr).toBe(
    'error: cannot tell of which box the container has "/run/secretbox/env/1/vars"\n' +
      'hint: docker exec runs a command without its variables\n'
  )
  await run(['grant', 'mine', `user:${nobody}`, 'info'])
  expect(await runAs(nobody, made, args)).toEqual({ code: 0, stdout: '', stderr: '' })
  await run(['revoke', 'mine', `user:${nobody}`, 'info'])
})
