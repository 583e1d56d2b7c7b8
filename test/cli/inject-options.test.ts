import { beforeAll, expect, test } from 'vitest'
import { done } from '../kit/run-program.ts'
import { standIns, type Said } from './stand-ins.ts'
import { useCli } from '../kit/use-cli.ts'

const { run, runHere } = useCli()
const image = { web: {} }

beforeAll(async () => {
  await run(['put', '--create', 'db', 'client/password'], { input: 'one' })
  await run(['put', 'db', 'client/password'], { input: 'two' })
})

/** Runs a container with these words before its image; gives the options of its volumes, and what was said. */
async function optionsOf(
  words: readonly string[],
  said: Said = {}
): Promise<{ options: string[]; stderr: string; code: number | null; label: string }> {
  const { env, calls, looks } = await standIns('exit 0', image, said)
  const { code, stderr } = await runHere(['run', ...words, 'web'], { env })
  expect(looks.map(({ isThere }) => isThere)).toEqual(looks.map(() => false))
  const call = (await calls())[0] ?? []
  const mounts = call.filter((_, i) => call[i - 1] === '--mount')
  const options = mounts.map(mount =>
    [...mount.matchAll(/volume-opt=([^,]*)/g)].map(([, option]) => option).join(' ')
  )
  return { code, stderr, options, label: call.find(word => word.startsWith('io.secretbox.injected=')) ?? '' }
}

test('options of an injection become those of its volume, and the label has the version that is shown', async () => {
  const { options, label, stderr } = await optionsOf([
    '--inject',
    'db:/etc/db,rw,size=1m,path=client,version=2'
  ])
  expect(stderr).toBe('')
  expect(options).toEqual(['box=db rw=true size=1m path=client version=2 transient=true'])
  expect(label).toBe('io.secretbox.injected=[{"box":"db","version":2,"target":"/etc/db"}]')
})

test('a box that may be missing, and is, is an empty copy', async () => {
  const { options, label, code } = await optionsOf(['--inject', 'none,optional', '--inject', 'db,optional'])
  expect(code).toBe(0)
  expect(options).toEqual(['box=none optional=true transient=true', 'box=db optional=true transient=true'])
  expect(label).toBe(
    'io.secretbox.injected=[{"box":"none","target":"/run/vault/none"},{"box":"db","version":3,"target":"/run/vault/db"}]'
  )
})

test.each([
  ['db,version=7', 'box "db" has no version 7', 'it has 1 to 3'],
  ['db,version=7,optional', 'box "db" has no version 7', 'it has 1 to 3'],
  ['db,path=client/pasword', 'box "db" has no "client/pasword" to show', 'did you mean "client/password"?'],
  ['db,version=1,path=client', 'box "db" has no "client" to show', null],
  [
    'db,path=client,file',
    '"client" of box "db" is a directory, and no file to show',
    'name a file in it: path=FILE, or leave the option file out'
  ],
  ['none', 'no such box "none"', 'docker vault list --boxes shows those that there are']
])('--inject %s is told before docker is called', async (value, message, hint) => {
  const { code, options, stderr } = await optionsOf(['--inject', value])
  expect({ code, options }).toEqual({ code: 1, options: [] })
  expect(stderr).toContain(`error: ${message}\n`)
  if (hint !== null) expect(stderr).toContain('hint: ')
})

const files = {
  '/etc/passwd': { to: '/usr/etc/passwd' },
  '/usr/etc/passwd': 'app:x:1000:1001::/:\n',
  '/etc/group': 'staff:x:50:\n'
}

test.each<[string[], string, string]>([
  [['--inject', 'db'], '', 'box=db'],
  [['--inject', 'db'], '1000', 'box=db uid=1000'],
  [['--inject', 'db'], '1000:50', 'box=db uid=1000 gid=50'],
  [['--inject', 'db'], 'app', 'box=db uid=1000 gid=1001'],
  [['--inject', 'db'], 'app:staff', 'box=db uid=1000 gid=50'],
  [['--inject', 'db', '-u', 'app'], '7', 'box=db uid=1000 gid=1001'],
  [['--inject', 'db', '--user=5'], 'app', 'box=db uid=5'],
  [['--inject', 'db', '--user=root'], 'app', 'box=db'],
  [['--inject', 'db,uid=3'], 'app', 'box=db uid=3 gid=1001'],
  [['--inject', 'db,uid=3,gid=4'], 'nobody', 'box=db uid=3 gid=4'],
  [['--inject', 'db,uid=0,gid=0'], 'app', 'box=db']
])('%j in a container of user "%s" is a volume with %s', async (words, user, options) => {
  const found = await optionsOf(words, { users: { web: user }, files })
  expect(found).toMatchObject({ code: 0, stderr: '', options: [`${options} transient=true`] })
})

test('a directory belongs to the user of the container, too, also where the Engine remaps users', async () => {
  const info = { DockerRootDir: '/var/lib/docker/100000.200000', SecurityOptions: ['name=userns'] }
  const said = { info, users: { web: 'app' }, files }
  const words = ['--inject-dir', '/etc/default:x', '--inject', 'db,uid=7']
  expect((await optionsOf(words, said)).options).toEqual([
    'box=db uid=100007 gid=201001 transient=true',
    expect.stringMatching(/^box=ephemeral-\w+ uid=101000 gid=201001 ephemeral=true transient=true$/) as string
  ])
})

test('who is not to be found in the image is told with what to give; nobody looks into one for a number', async () => {
  const volumes = { web: ['/data'] }
  const { env, calls, looks } = await standIns('exit 0', image, { users: { web: 'who' }, files, volumes })
  expect(await runHere(['run', '--inject', 'db', 'web'], { env })).toMatchObject({
    code: 1,
    stderr:
      'error: cannot tell who "who" is: image "web" has no such name in /etc/passwd and /etc/group\n' +
      'hint: give the numbers: --user UID:GID, or --inject BOX,uid=UID,gid=GID\n'
  })
  expect(looks).toMatchObject([
    {
      isThere: false,
      asked: {
        Image: 'web',
        HostConfig: { NetworkMode: 'none', Mounts: [{ Type: 'tmpfs', Target: '/data' }] }
      }
    }
  ])
  expect(await calls()).toEqual([])
  expect(await runHere(['run', '--inject', 'db', '-u', '9', 'web'], { env })).toMatchObject(done())
  expect(await runHere(['run', 'web'], { env })).toMatchObject(done())
  expect(looks).toHaveLength(1)
})
