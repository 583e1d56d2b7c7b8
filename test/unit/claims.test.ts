import { expect, test } from 'vitest'
import { parseBoxName } from '../../src/base/names.ts'
import { tokenClaims, tokenSeconds, type KnownContainer } from '../../src/vault/identity/claims.ts'

const container: KnownContainer = {
  id: 'c0'.repeat(32),
  name: 'web-1',
  image: 'registry.example/web:2',
  imageId: `sha256:${'1'.repeat(64)}`,
  compose: null
}
const facts = {
  issuer: 'secretbox:0',
  audience: 'https://bao.example',
  box: parseBoxName('db'),
  container,
  nowMs: 1_700_000_000_999,
  id: 'one'
}

test('a token says who signs, for whom, for how long, and what is known of the container', () => {
  expect(tokenClaims(facts)).toEqual({
    iss: 'secretbox:0',
    sub: 'container:web-1',
    aud: 'https://bao.example',
    iat: 1_700_000_000,
    nbf: 1_700_000_000,
    exp: 1_700_000_300,
    jti: 'one',
    box: 'db',
    container: 'web-1',
    container_id: container.id,
    image: 'registry.example/web:2',
    image_id: container.imageId
  })
  expect(tokenSeconds).toBeLessThanOrEqual(300)
})

test('of Compose it names project and service, which stay when the container is made again', () => {
  const compose = { project: 'shop', service: 'api' }
  expect(tokenClaims({ ...facts, container: { ...container, compose } })).toMatchObject({
    sub: 'compose:shop/api',
    container: 'web-1',
    project: 'shop',
    service: 'api'
  })
})
