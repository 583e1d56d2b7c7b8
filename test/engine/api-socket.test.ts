import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createLocalJWKSet, jwtVerify, type JSONWebKeySet } from 'jose'
import { expect, test } from 'vitest'
import { ask } from '../kit/ask.ts'
import { askJson } from '../kit/engine/admin.ts'
import { compiled } from '../kit/engine/compiled.ts'
import { testImage } from '../kit/engine/image.ts'
import { pluginProcess } from '../kit/engine/processes.ts'
import { eventually } from '../kit/eventually.ts'
import { freshName, makeBox, sharedEngine, startContainer } from '../kit/engine/shared-engine.ts'

/* What only a real Engine shows of the sockets of copies: that they come into containers, and what tokens say of these. */

const engine = sharedEngine()
const admin = join(engine.pluginData, 'admin.sock')
const talk = compiled(engine, 'talk')
const socket = '/run/vault/db/.secretbox/api.sock'

async function withApi(): Promise<{ box: string; mount: string[] }> {
  const box = freshName('api')
  await makeBox(engine, box, { password: 'hunter2' })
  const mount = [
    '--mount',
    `type=volume,volume-driver=secretbox,dst=/run/vault/db,volume-opt=box=${box},volume-opt=api=true`,
    '-v',
    `${talk}:/talk:ro`
  ]
  return { box, mount }
}

/** Asks from within a container. */
async function asked(
  name: string,
  request: string,
  body = '',
  at = socket
): Promise<Record<string, unknown>> {
  const head = `${request} HTTP/1.0\\r\\nContent-Length: ${body.length}\\r\\n\\r\\n`
  const answer = await engine.docker(['exec', name, 'sh', '-c', `printf '${head}${body}' | /talk ${at}`])
  return JSON.parse(answer.slice(answer.indexOf('\r\n\r\n'))) as Record<string, unknown>
}

test('a container asks for itself, and its token says what docker inspect says', async () => {
  const { box, mount } = await withApi()
  const name = await startContainer(engine, mount)
  const [id, imageId] = (await engine.docker(['inspect', '--format', '{{.Id}} {{.Image}}', name]))
    .trim()
    .split(' ')
  expect(await asked(name, 'GET /v1/self')).toMatchObject({
    ...{ box, version: 2 },
    container: { id, name, image: testImage, imageId }
  })
  const body = await asked(name, 'POST /v1/token', '{"audience":"bao"}')
  const { issuer, keys } = await askJson<JSONWebKeySet & { issuer: string }>(admin, 'GET', '/identity')
  const { payload } = await jwtVerify(String(body['token']), createLocalJWKSet({ keys }), {
    issuer,
    audience: 'bao'
  })
  expect(payload).toMatchObject({ sub: `container:${name}`, box, container_id: id, image_id: imageId })
  // The host has a way to the socket, and is not the container.
  const pid = (await engine.docker(['inspect', '--format', '{{.State.Pid}}', name])).trim()
  expect((await ask(`/proc/${pid}/root${socket}`, { method: 'GET', url: '/v1/self' })).status).toBe(403)
  await engine.docker(['rm', '--force', '--volumes', name])
})

test('a container with secrets of its own alone is told of these at a socket in an empty copy', async () => {
  const name = freshName('container')
  const given = {
    secret_mounts: {
      '/etc/app/key.json': { kind: 'json', content: { a: [1] } },
      '/run/secrets/b': { kind: 'text', content: 'hunter2\n' }
    },
    secret_environment: { ACCESS_KEY: 'x' }
  }
  const own = ['--detach', '--name', name, '--user', '1000', '--network', 'none', '--stop-signal', 'KILL']
  const args = [...own, '-v', `${talk}:/talk:ro`, '--api', '--secrets', '-', testImage, 'sleep', '86400']
  await engine.docker(['vault', 'run', ...args], { input: JSON.stringify(given) })
  const at = '/run/secretbox/self/.secretbox/api.sock'
  expect(await asked(name, 'GET /v1/secret_mounts', '', at)).toEqual({ secret_mounts: given.secret_mounts })
  expect(await asked(name, 'GET /v1/secret_environment', '', at)).toEqual({
    secret_environment: given.secret_environment
  })
  await engine.docker(['rm', '--force', '--volumes', name])
})

test('the socket answers again after the daemon, and after the whole plugin was killed', async () => {
  const { box, mount } = await withApi()
  const name = await startContainer(engine, mount)
  const isAnswered = (): Promise<boolean | null> =>
    asked(name, 'GET /v1/self').then(
      self => self['box'] === box || null,
      () => null
    )
  expect(await isAnswered()).toBe(true)
  for (const victim of ['daemon', 'supervisor']) {
    const daemon = await pluginProcess(engine)
    const status = await readFile(`/proc/${daemon}/status`, 'utf8')
    process.kill(victim === 'daemon' ? daemon : Number(/^PPid:\t(\d+)$/m.exec(status)?.[1]), 'SIGKILL')
    expect(await eventually(isAnswered), victim).toBe(true)
  }
  await engine.docker(['rm', '--force', '--volumes', name])
})

test('root of a container can neither write beside the socket nor take it away', async () => {
  const { mount } = await withApi()
  const script = 'cd /run/vault/db/.secretbox && ls && ! touch x && ! rm api.sock && ! mv api.sock y && ls'
  const said = await engine.docker(['run', '--rm', ...mount, testImage, 'sh', '-c', `${script} 2>/dev/null`])
  expect(said).toBe('api.sock\napi.sock\n')
})
