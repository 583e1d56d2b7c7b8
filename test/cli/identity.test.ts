import { createPublicKey } from 'node:crypto'
import { expect, test } from 'vitest'
import { done } from '../kit/run-program.ts'
import { useCli } from '../kit/use-cli.ts'

const { run } = useCli()

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
