import { createPublicKey } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { calculateJwkThumbprint, createLocalJWKSet, jwtVerify } from 'jose'
import { expect, onTestFinished, test } from 'vitest'
import { parseBoxName, parseMountId, parseVolumeName } from '../../src/base/names.ts'
import type { Caller } from '../../src/vault/access/authority.ts'
import { isEntry } from '../../src/vault/audit/reading.ts'
import type { KnownContainer } from '../../src/vault/identity/claims.ts'
import type { IssuedToken, PublicIdentity } from '../../src/vault/identity/identity.ts'
import { openVault, root, type OpenVault } from '../kit/open-vault.ts'
import { temporaryDirectory } from '../kit/temporary.ts'
import { useVault } from '../kit/use-vault.ts'

const open = useVault()
const copy = { box: parseBoxName('db'), volume: parseVolumeName('db'), mount: parseMountId('m') }
const asking: Caller = { kind: 'container', uid: 999, gid: 999, pid: 7, ...copy }
const container: KnownContainer = {
  id: 'c0'.repeat(32),
  name: 'web-1',
  image: 'web:2',
  imageId: `sha256:${'1'.repeat(64)}`,
  compose: null
}

function issue({ identity }: OpenVault, caller: Caller = asking, about = copy): Promise<IssuedToken> {
  return identity.issue(caller, about, 'bao', {
    find: () => Promise.resolve(container),
    has: () => true
  })
}

function keySet({ keys }: PublicIdentity): ReturnType<typeof createLocalJWKSet> {
  return createLocalJWKSet({ keys: keys.map(key => ({ ...key })) })
}

test('a token is good for whoever has the public key, and for nobody else', async () => {
  const opened = await open()
  const { token, claims } = await issue(opened)
  const shown = await opened.identity.show(root)
  const { payload, protectedHeader } = await jwtVerify(token, keySet(shown), {
    audience: 'bao',
    issuer: `secretbox:${opened.storeId}`,
    subject: 'container:web-1',
    algorithms: ['ES256'],
    typ: 'JWT'
  })
  expect(payload).toEqual(claims)
  expect(protectedHeader.kid).toBe(shown.keys[0]?.kid)
  await expect(jwtVerify(token, keySet(shown), { audience: 'other' })).rejects.toMatchObject({
    code: 'ERR_JWT_CLAIM_VALIDATION_FAILED'
  })
  const [head, body, signature = ''] = token.split('.')
  const forged = [head, body, `${signature[0] === 'A' ? 'B' : 'A'}${signature.slice(1)}`].join('.')
  await expect(jwtVerify(forged, keySet(shown))).rejects.toMatchObject({
    code: 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED'
  })
})

test('the key is named by its thumbprint, and what is shown of it is the public half alone', async () => {
  const { keys } = await (await open()).identity.show(root)
  const [key] = keys
  if (key === undefined) throw new Error('there is no key')
  expect(Object.keys(key).sort()).toEqual(['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y'])
  expect(key.kid).toBe(await calculateJwkThumbprint({ ...key }))
  expect(createPublicKey({ key: { ...key }, format: 'jwk' }).asymmetricKeyDetails?.namedCurve).toBe(
    'prime256v1'
  )
})

test('there is one key, also when many ask first at once, and it stays', async () => {
  const first = await open()
  const shown = await Promise.all(
    Array.from({ length: 5 }, (_, i) =>
      i % 2 === 0 ? first.identity.show(root) : issue(first).then(() => first.identity.show(root))
    )
  )
  await first.close()
  const again = await open()
  shown.push(await again.identity.show(root))
  expect(new Set(shown.map(({ keys }) => keys[0]?.kid)).size).toBe(1)
})

test('another vault has another key and is another issuer', async () => {
  const one = await (await open()).identity.show(root)
  const elsewhere = await openVault(temporaryDirectory())
  onTestFinished(() => elsewhere.close())
  const other = await elsewhere.identity.show(root)
  expect(other.issuer).not.toBe(one.issuer)
  expect(other.keys).not.toEqual(one.keys)
})

test('the private key lies encrypted in the store, and one that was altered or is gone is damaged', async () => {
  const opened = await open()
  await issue(opened)
  const record = await opened.store.get('identity')
  const keyring = await opened.sealing.keyring()
  const bytes = keyring.decrypt('identity', record?.value ?? Buffer.of())
  // PKCS #8: the private scalar is the 32 bytes after its header.
  const scalar = bytes.subarray(36, 68)
  for (const file of ['store.db', 'store.db-wal'])
    expect((await readFile(`${opened.directory}/${file}`)).includes(scalar)).toBe(false)
  for (const value of [keyring.encrypt('identity', Buffer.from('no key')), Buffer.from('no record')]) {
    await opened.store.commit([{ put: 'identity', value }])
    await expect(issue(opened)).rejects.toMatchObject({ code: 'damaged' })
    await expect(opened.identity.show(root)).rejects.toMatchObject({ code: 'damaged' })
  }
  await opened.store.commit([{ remove: 'identity' }])
  for (const ask of [() => issue(opened), () => opened.identity.show(root)])
    await expect(ask()).rejects.toMatchObject({ code: 'damaged', message: 'the signing key is gone' })
  expect(await opened.store.get('identity')).toBe(null)
})

test('a token is recorded with what it says before anybody has it; one that could not be made, too', async () => {
  const opened = await open()
  const { claims } = await issue(opened)
  const unknown = new Error('which container it is, nobody knows')
  await expect(
    opened.identity.issue(asking, copy, 'bao', { find: () => Promise.reject(unknown), has: () => true })
  ).rejects.toBe(unknown)
  expect((await entries(opened)).slice(-2)).toMatchObject([
    {
      action: 'token.issue',
      decision: 'allowed',
      caller: asking,
      ...copy,
      audience: 'bao',
      token: claims.jti,
      container: container.id,
      containerName: 'web-1'
    },
    { action: 'token.issue', decision: 'allowed', failed: 'internal' }
  ])
})

test('tokens are for the container whose copy it is: not for root, the engine, or a container of another copy', async () => {
  const opened = await open()
  const others: [Caller, typeof copy][] = [
    [root, copy],
    [{ kind: 'engine' }, copy],
    [{ kind: 'daemon' }, copy],
    [asking, { ...copy, mount: parseMountId('other') }],
    [asking, { ...copy, volume: parseVolumeName('other') }],
    [asking, { ...copy, box: parseBoxName('other') }]
  ]
  for (const [caller, about] of others) {
    await expect(issue(opened, caller, about)).rejects.toMatchObject({ code: 'denied' })
    expect((await entries(opened)).at(-1)).toMatchObject({
      action: 'token.issue',
      decision: 'denied',
      caller
    })
  }
  await expect(opened.identity.show(asking)).rejects.toMatchObject({ code: 'denied' })
})

async function entries({ audit, sealing }: OpenVault): Promise<object[]> {
  const lines = await Array.fromAsync(audit.read(await sealing.keyring(), { limit: Infinity }))
  return lines.filter(isEntry)
}
