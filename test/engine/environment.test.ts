import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeAll, expect, test } from 'vitest'
import { eventually } from '../kit/eventually.ts'
import type { Finished } from '../kit/engine/command.ts'
import { testImage } from '../kit/engine/image.ts'
import { filesHolding, formsOf } from '../kit/engine/search.ts'
import { freshName, makeBox, putFiles, sharedEngine } from '../kit/engine/shared-engine.ts'

/* `--env-box`: variables that are in the environment of a container's process, and nowhere else. */

const engine = sharedEngine()
const noNetwork = ['--network', 'none']
const [scratch, checked] = ['secretbox-test-scratch', 'secretbox-test-checked']

/** Writes its process ID, its user, `A` and its arguments; its exit status is 3. */
const program = `
  #include <stdio.h>
  #include <stdlib.h>
  #include <unistd.h>
  int main(int count, char **words) {
    printf("%d %d %s", getpid(), getuid(), getenv("A"));
    for (int i = 1; i < count; i++) printf(" %s", words[i]);
    return puts("") < 0 ? 1 : 3;
  }`

beforeAll(async () => {
  const place = await mkdtemp(join(engine.root, 'scratch-'))
  await mkdir(join(place, 'tree/bin'), { recursive: true })
  await writeFile(join(place, 'show.c'), program)
  execFileSync('cc', ['-static', '-o', join(place, 'tree/bin/show'), join(place, 'show.c')])
  execFileSync('tar', ['-c', '-f', join(place, 'image.tar'), '-C', join(place, 'tree'), '.'])
  const made = (changes: string[], image: string, from = join(place, 'image.tar')) =>
    engine.docker(['import', ...changes.flatMap(change => ['--change', change]), from, image])
  await made(['USER 4321:1', 'ENTRYPOINT ["show", "entry"]', 'CMD ["command"]', 'ENV A=image'], scratch)
  const container = freshName('checked')
  await engine.docker(['create', ...noNetwork, '--name', container, testImage])
  const health = `HEALTHCHECK --interval=1s --start-period=1s CMD test "$A" = "it's"`
  await engine.docker(['commit', '--change', health, '--change', 'USER app', container, checked])
  await engine.docker(['rm', container])
})

afterEach(async () => {
  const containers = (await engine.docker(['ps', '--all', '--quiet'])).split('\n').filter(Boolean)
  if (containers.length > 0) await engine.docker(['rm', '--force', '--volumes', ...containers])
})

async function boxWith(text: string): Promise<string> {
  const box = freshName('env')
  await makeBox(engine, box, { vars: text })
  return box
}

const tryRun = (box: string, ...args: string[]): Promise<Finished> =>
  engine.tryDocker(['vault', 'run', ...noNetwork, '--env-box', box, ...args])

/** A container that runs until it is stopped; its name. */
async function start(box: string, ...args: string[]): Promise<string> {
  const name = freshName('container')
  await engine.docker(['vault', 'run', ...noNetwork, '--detach', '--name', name, '--env-box', box, ...args])
  return name
}

test('in an image with nothing but a program: its entrypoint, its user, its exit status', async () => {
  const box = await boxWith('A=box\n')
  expect(await tryRun(box, '--rm', scratch)).toEqual({
    code: 3,
    stdout: '1 4321 box entry command\n',
    stderr: ''
  })
  expect((await tryRun(box, '--rm', '--read-only', scratch, 'more')).stdout).toBe('1 4321 box entry more\n')
  const other = ['--rm', '--user', '99', '--cap-drop', 'ALL', '--entrypoint', '/bin/show', scratch, 'x']
  expect((await tryRun(box, ...other)).stdout).toBe('1 99 box x\n')
  expect((await tryRun(box, '--rm', '--entrypoint', 'nothing', scratch)).code).toBe(127)
  expect((await tryRun(box, '--rm', '--entrypoint', '/bin', scratch)).code).toBe(126)
})

test('the process is the first one, a signal reaches it, and docker has its exit status', async () => {
  const box = await boxWith('A=box\n')
  const script = 'trap "exit 9" TERM; echo $$ $A; while :; do sleep 0.1; done'
  const name = await start(box, testImage, 'sh', '-c', script)
  expect(await eventually(async () => (await engine.docker(['logs', name])) || null)).toBe('1 box\n')
  await engine.docker(['stop', name])
  expect(await engine.docker(['inspect', '--format', '{{.State.ExitCode}}', name])).toBe('9\n')
})

test('the launcher can be executed and not be written, and variables the other way round', async () => {
  const script = `
    grep -E ' /run/secretbox/(launcher|env/1) ' /proc/mounts | cut -d' ' -f2,4 | cut -d, -f1
    grep ' /run/secretbox/env/1 ' /proc/mounts | grep -c noexec
    grep ' /run/secretbox/launcher ' /proc/mounts | grep -c noexec
    echo x 2>/dev/null >/run/secretbox/launcher || echo refused
    mount -o remount,rw /run/secretbox/launcher 2>/dev/null || echo refused
    stat -c '%u %a' /run/secretbox/env/1 /run/secretbox/env/1/vars`
  const { stdout } = await tryRun(await boxWith('A=1'), '--rm', testImage, 'sh', '-c', script)
  expect(stdout.split('\n')).toEqual([
    ...['/run/secretbox/launcher ro', '/run/secretbox/env/1 ro', '1', '0', 'refused', 'refused'],
    ...['0 500', '0 400', '']
  ])
})

test('each start reads the variables anew, and a file that is none of variables ends it without a word of it', async () => {
  const box = await boxWith('A=one\n')
  const name = await start(box, testImage, 'sh', '-c', 'echo $A')
  const restarted = async (text: string): Promise<string> => {
    await putFiles(engine, box, { vars: text })
    await engine.docker(['start', name])
    return engine.docker(['wait', name])
  }
  await engine.docker(['wait', name])
  expect(await restarted('A=two\n')).toBe('0\n')
  expect(await engine.docker(['logs', name])).toBe('one\ntwo\n')
  expect(await restarted('A=three\nCANARY')).toBe('125\n')
  const { stdout, stderr } = await engine.tryDocker(['logs', name])
  expect([stdout, stderr]).toEqual([
    'one\ntwo\n',
    'secretbox: cannot take the variables of "/run/secretbox/env/1/vars": line 2: it is not NAME=value\n'
  ])
})

test('a health check has the variables, and so has what exec runs, as the named user of the image', async () => {
  const name = await start(await boxWith(`A="it's"\n`), checked, 'sleep', '86400')
  const status = await eventually(async () => {
    const said = (await engine.docker(['inspect', '--format', '{{.State.Health.Status}}', name])).trim()
    return said === 'starting' ? null : said
  })
  expect(status).toBe('healthy')
  const script = 'echo $A $(id -u)'
  expect(await engine.docker(['vault', 'exec', name, 'sh', '-c', script])).toBe("it's 1000\n")
  expect(await engine.docker(['vault', 'exec', '-u', 'root', '-e', 'B=1', name, 'sh', '-c', script])).toBe(
    "it's 0\n"
  )
  expect(await engine.docker(['exec', name, 'sh', '-c', script])).toBe('1000\n')
  expect(await engine.tryDocker(['vault', 'exec', '-e', 'A=1', name, 'true'])).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/variable "A" is in "env-\w+:vars", and is given by --env, too/) as string
  })
  const given = ['--health-cmd', 'test "$A" = no', '--health-interval', '1s', '--health-retries', '1']
  const other = await start(await boxWith('A=yes\n'), ...given, testImage, 'sleep', '86400')
  const failing = await eventually(async () => {
    const said = (await engine.docker(['inspect', '--format', '{{.State.Health.Status}}', other])).trim()
    return said === 'starting' ? null : said
  })
  expect(failing).toBe('unhealthy')
})

test("Docker keeps nothing of a value, where its own -e leaves it in a container's configuration and in an image", async () => {
  const [secret, control] = [randomBytes(24).toString('hex'), randomBytes(24).toString('hex')]
  const box = await boxWith(`A=${secret}\n`)
  const sleeping = [testImage, 'sleep', '86400']
  const names = {
    ours: await start(box, '--health-cmd', 'test -n "$A"', '--health-interval', '1s', ...sleeping),
    theirs: await start(await boxWith('B=1\n'), '-e', `A=${control}`, ...sleeping)
  }
  expect(await engine.docker(['vault', 'exec', names.ours, 'sh', '-c', 'echo $A'])).toBe(`${secret}\n`)
  const outputs: string[] = []
  for (const name of Object.values(names)) {
    const image = freshName('committed')
    await engine.docker(['commit', name, image])
    outputs.push(
      await engine.docker(['inspect', name, image]),
      await engine.docker(['history', '--no-trunc', image])
    )
    outputs.push(await engine.docker(['top', name]))
  }
  outputs.push(await engine.docker(['events', '--since', '10m', '--until', '0s', '--format', '{{json .}}']))
  outputs.push(await readFile(engine.log, 'utf8'))
  // Until then the copy is there, in memory.
  await engine.docker(['kill', ...Object.values(names)])
  const said = outputs.join('\n')
  for (const form of formsOf(secret)) expect(said).not.toContain(form.toString())
  expect(said).toContain(control)
  expect(await filesHolding(engine.dataRoot, formsOf(secret))).toEqual([])
  const found = (await filesHolding(engine.dataRoot, formsOf(control))).join('\n')
  expect(found).toMatch(/\/config\.v2\.json/)
  expect(found).toMatch(/\/image\//)
})
