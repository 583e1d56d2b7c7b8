import { createPublicKey } from 'node:crypto'
import { expect, test } from 'vitest'
import { done } from '../kit/run-program.ts'
import { useCli } from '../kit/use-cli.ts'
import { standIns } from './stand-ins.ts'

const { run, runHere } = useCli()

test('identity prints the public key in PEM, and the same as a JSON Web Key Set', async () => {
  const { code, stdout: pem, stderr } = await run(['identity'])
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(pem).toMatch(/^-----BEGIN PUBLIC KEY-----\n([A-Za-z0-9+/=]+\n){2}-----END PUBLIC KEY-----\n$/)
  const { keys } = JSON.parse((await run(['identity', '--jwks'])).stdout) as {
    keys: Record<string, string>[]
  }
  const [{ kty, crv, x, y } = {}] = keys
  expect(createPublicKey(pem).export({ format: 'jwk' })).toEqual({ kty, crv, x, y })
  expect(await run(['identity'])).toMatchObject(done(pem))
})

test('identity --issuer prints what the tokens have as iss', async () => {
  const store = (await run(['status', '--format', '{{.Store.ID}}'])).stdout
  expect(await run(['identity', '--issuer'])).toMatchObject(done(`secretbox:${store}`))
  expect(await run(['identity', '--issuer', '--jwks'])).toMatchObject({ code: 2, stdout: '' })
})

test('--api gives each box the option api, and needs one', async () => {
  await run(['create', 'db', 'tls'])
  const { env, calls } = await standIns('exit 0', { web: {} })
  const args = ['run', '--inject', 'db', '--api', '--inject', 'tls,api=false', 'web']
  expect(await runHere(args, { env })).toMatchObject(done())
  const [words = []] = (await calls()).filter(each => each[0] === 'run')
  expect(words.filter(word => word.includes('volume-driver'))).toEqual([
    expect.stringContaining('box=db,volume-opt=api=true'),
    expect.stringContaining('box=tls,volume-opt=api=false')
  ])
  expect(words).not.toContain('--api')
  // Where there is none that could, the socket is in an empty copy.
  const secrets = '{"secret_mounts": {"/x": {"kind": "text", "content": "hunter2"}}}'
  const alone = ['run', '--api', '--secrets', '-', '--inject', 'db:/etc/key,path=key,file', 'web']
  await run(['put', 'db', 'key'], { input: 'hunter2' })
  expect(await runHere(alone, { env, input: secrets })).toMatchObject(done())
  const [, own = []] = (await calls()).filter(each => each[0] === 'run')
  const sockets = own.filter(word => word.includes('api=true'))
  expect(sockets.map(word => word.replace(/ephemeral-\w+/, 'BOX'))).toEqual([
    'type=volume,volume-driver=secretbox,volume-opt=box=BOX,volume-opt=api=true,volume-opt=ephemeral=true,volume-opt=transient=true,target=/run/secretbox/self,volume-nocopy'
  ])
  expect((await run(['list', '--boxes'])).stdout).not.toContain('ephemeral')
  expect(await run(['run', '--api', 'web'], { env })).toMatchObject({
    code: 2,
    stderr:
      'error: bad flag "--api": there is no box whose copy could have a socket\nhint: add --inject BOX\n'
  })
})
