import { describe, expect, test } from 'vitest'
import { isOf, referenceOf, type ContainerFacts } from '../../src/vault/access/containers.ts'
import { ownLabels } from '../../src/base/own-labels.ts'
import { imageName } from '../../src/vault/access/image-reference.ts'
import {
  coversSubject,
  isPerson,
  parseSubject,
  printSubject,
  type ContainerSubject
} from '../../src/vault/access/subjects.ts'

const [id, manifest, digest, other] = ['1', '2', '3', '4'].map(digit => `sha256:${digit.repeat(64)}`) as [
  string,
  string,
  string,
  string
]

/** A container of `db:1` of Compose's, pulled from a registry. */
function container(changes: Partial<ContainerFacts> = {}): ContainerFacts {
  return {
    name: 'shop-db-1',
    image: 'registry.example:5000/acme/db:1',
    digests: [id, manifest],
    ofImage: { repoDigests: [`registry.example:5000/acme/db@${digest}`], labels: { built: 'by us' } },
    labels: {
      'com.docker.compose.project': 'shop',
      'com.docker.compose.service': 'db',
      'io.example.tier': 'a=b',
      empty: '',
      built: 'by us'
    },
    ...changes
  }
}

function subject(text: string): ContainerSubject {
  const parsed = parseSubject(text)
  if (isPerson(parsed)) throw new Error(`${text} is a person`)
  return parsed
}

test.each([
  ['nginx', 'docker.io/library/nginx', 'latest'],
  ['nginx:1.25', 'docker.io/library/nginx', '1.25'],
  ['acme/app', 'docker.io/acme/app', 'latest'],
  ['docker.io/nginx', 'docker.io/library/nginx', 'latest'],
  ['index.docker.io/nginx:1', 'docker.io/library/nginx', '1'],
  ['docker.io/library/nginx:latest', 'docker.io/library/nginx', 'latest'],
  ['docker.io/acme/app', 'docker.io/acme/app', 'latest'],
  ['ghcr.io/acme/app:1', 'ghcr.io/acme/app', '1'],
  ['ghcr.io/app', 'ghcr.io/app', 'latest'],
  ['localhost/app', 'localhost/app', 'latest'],
  ['localhost:5000/app', 'localhost:5000/app', 'latest'],
  ['registry:5000/a/b/c:2', 'registry:5000/a/b/c', '2'],
  ['Registry/app', 'Registry/app', 'latest'],
  [`nginx@${digest}`, 'docker.io/library/nginx', ''],
  [`nginx:1.25@${digest}`, 'docker.io/library/nginx', '1.25']
])('the reference %s names %s with the tag "%s", as it does to docker', (reference, repository, tag) => {
  expect(imageName(reference)).toEqual({ repository, tag })
})

describe('a reference is one of a glob', () => {
  const references = [
    'nginx',
    'nginx:1.25',
    'docker.io/library/nginx:1.25',
    `nginx@${digest}`,
    'nginx-evil:1.25',
    'evil/nginx:1.25',
    'evil.example/library/nginx:1.25',
    'ghcr.io/acme/app:1',
    'ghcr.io/acme/app',
    'ghcr.io/acme/team/app:1',
    'ghcr.io.evil.example/acme/app:1'
  ]
  test.each([
    ['image:nginx', ['nginx']],
    ['image:nginx:latest', ['nginx']],
    ['image:nginx:1.25', ['nginx:1.25', 'docker.io/library/nginx:1.25']],
    ['image:nginx:1.*', ['nginx:1.25', 'docker.io/library/nginx:1.25']],
    ['image:nginx:*', ['nginx', 'nginx:1.25', 'docker.io/library/nginx:1.25', `nginx@${digest}`]],
    ['image:docker.io/nginx:1.25', ['nginx:1.25', 'docker.io/library/nginx:1.25']],
    ['image:ghcr.io/acme/app', ['ghcr.io/acme/app']],
    ['image:ghcr.io/acme/*', ['ghcr.io/acme/app:1', 'ghcr.io/acme/app']],
    ['image:ghcr.io/acme/**', ['ghcr.io/acme/app:1', 'ghcr.io/acme/app', 'ghcr.io/acme/team/app:1']],
    ['image:ghcr.io/*/app:1', ['ghcr.io/acme/app:1']],
    ['image:ghcr.io/**/app:1', ['ghcr.io/acme/app:1', 'ghcr.io/acme/team/app:1']],
    ['image:ghcr.io/*/app', ['ghcr.io/acme/app']],
    ['image:ghcr.io*/acme/app:1', ['ghcr.io/acme/app:1', 'ghcr.io.evil.example/acme/app:1']],
    [
      'image:nginx*',
      ['nginx', 'nginx:1.25', 'docker.io/library/nginx:1.25', `nginx@${digest}`, 'nginx-evil:1.25']
    ],
    ['image:*/nginx:1.25', ['nginx:1.25', 'docker.io/library/nginx:1.25', 'evil/nginx:1.25']],
    [
      'image:**/nginx:1.25',
      ['nginx:1.25', 'docker.io/library/nginx:1.25', 'evil/nginx:1.25', 'evil.example/library/nginx:1.25']
    ],
    ['image:*', references.slice(0, 5)],
    ['image:*/*', references.slice(0, 6)],
    ['image:docker.io/**', references.slice(0, 6)],
    ['image:**', references]
  ])('%s', (text, granted) => {
    const matching = references.filter(image => isOf(container({ image }), subject(text)))
    expect(matching).toEqual(granted)
  })
})

test.each([
  ['image:nginx:*', 'image:nginx:1.25', true],
  ['image:nginx:*', 'image:docker.io/library/nginx:1.25', true],
  ['image:docker.io/library/nginx', 'image:nginx:latest', true],
  ['image:nginx:1.*', 'image:nginx:*', false],
  ['image:ghcr.io/acme/*', 'image:ghcr.io/acme/app', true],
  ['image:ghcr.io/acme/*', 'image:ghcr.io/acme/**', false],
  ['image:ghcr.io/**', 'image:ghcr.io/*/app:*', true],
  ['image:ghcr.io/*', 'image:ghcr.io/acme/app', false],
  ['image:**', 'image:**', true]
])('what is granted to %s is granted to %s: %s', (wide, narrow, isSo) => {
  expect(coversSubject(subject(wide), subject(narrow))).toBe(isSo)
})

test('a glob of many stars is matched without going back', () => {
  const reference = `ghcr.io/${'a'.repeat(200)}`
  expect(isOf(container({ image: reference }), subject(`image:ghcr.io/${'*a'.repeat(7)}*b`))).toBe(false)
  expect(isOf(container({ image: reference }), subject(`image:ghcr.io/${'**a'.repeat(7)}:*`))).toBe(true)
  expect(() => subject(`image:ghcr.io/${'**a'.repeat(8)}:*`)).toThrow('it has more than 8 stars')
  expect(printSubject(subject('image:a/***/b****'))).toBe('image:a/**/b**')
})

test('a container that was made by an ID, or whose tag is another image’s by now, has no reference', () => {
  for (const image of [null, id, other, id.slice('sha256:'.length, 20), '1', '2222'])
    expect(referenceOf(container({ image }))).toBeNull()
  expect(referenceOf(container({ image: '1-alpine' }))).toBe('1-alpine')
  expect(isOf(container({ image: id }), subject('image:**'))).toBe(false)
})

describe('a container is one of a subject', () => {
  const named = `registry.example:5000/acme/db@${digest}`
  const compose = { 'com.docker.compose.project': 'shop', 'com.docker.compose.service': 'db' }
  const called = (...repoDigests: string[]): Partial<ContainerFacts> => ({
    ofImage: { repoDigests, labels: {} }
  })
  const unasked = { ofImage: null }
  const labelled = (labels: Record<string, string> | null): Partial<ContainerFacts> => ({
    ofImage: { repoDigests: [], labels }
  })
  test.each<[string, boolean | null, Partial<ContainerFacts>?]>([
    [`image:${id}`, true],
    [`image:${manifest}`, true],
    [`image:${digest}`, true],
    [`image:${other}`, false],
    [`image:${named}`, true],
    [`image:registry.example:5000/acme/db:9@${digest}`, true],
    [`image:acme/db@${digest}`, false],
    [`image:registry.example:5000/acme/db@${id}`, false],
    // Only the ID is known before it is asked for what registries say.
    [`image:${id}`, true, unasked],
    [`image:${digest}`, null, unasked],
    [`image:${named}`, null, unasked],
    [`image:${digest}`, false, called()],
    [`image:${digest}`, true, { image: id }],
    [`image:nginx@${digest}`, true, called(`nginx@${digest}`)],
    [`image:docker.io/library/nginx@${digest}`, true, called(`nginx@${digest}`)],

    ['compose:shop/db', true],
    ['compose:shop', true],
    ['compose:shop/web', false],
    ['compose:other/db', false],
    ['compose:shop', false, { labels: {} }],
    ['compose:shop/db', false, { labels: { 'com.docker.compose.project': 'shop' } }],

    ['label:io.example.tier=a=b', true],
    ['label:io.example.tier=a', false],
    ['label:empty=', true],
    ['label:missing=', false],
    ['label:constructor=x', false],
    ['label:toString=x', false],

    // What the image says of itself does not count, and is asked for only if it might.
    ['label:built=by us', false],
    ['label:built=by us', true, labelled({ built: 'by others' })],
    ['label:built=by us', null, unasked],
    ['label:built=by them', false, unasked],
    ['label:built=by us', false, labelled(null)],
    ['compose:shop/db', null, unasked],
    ['compose:other/db', false, unasked],
    ['compose:shop/db', false, labelled(compose)],
    ['compose:shop', false, labelled(compose)],
    ['compose:shop', true, labelled({ 'com.docker.compose.service': 'db' })],
    ['compose:shop/db', false, labelled({ 'com.docker.compose.service': 'db' })],
    ['compose:shop/db', false, labelled(null)],

    ['container:shop-db-1', true],
    ['container:shop-*', true],
    ['container:db', false],
    ['container:*', true],
    ['container:*', true, { name: null }],
    ['container:shop-*', false, { name: null }]
  ])('%s: %s', (text, expected, changes = {}) => {
    expect(isOf(container(changes), subject(text))).toBe(expected)
  })
})

test('Compose’s names are its own beside a hash that no image can have, also where it has built the image', () => {
  const names = { 'com.docker.compose.project': 'shop', 'com.docker.compose.service': 'db' }
  const hash = { 'com.docker.compose.config-hash': 'a'.repeat(64) }
  expect(ownLabels({ ...names, ...hash, tier: 'a' }, { ...names, tier: 'a' })).toEqual({ ...names, ...hash })
  expect(ownLabels({ ...names, ...hash }, { ...names, ...hash })).toEqual({})
  expect(ownLabels({ ...names }, { ...names })).toEqual({})
  expect(ownLabels(names, { ...names, 'com.docker.compose.project': 'other' })).toEqual({
    'com.docker.compose.project': 'shop'
  })
  expect(ownLabels({ ...names, ...hash }, null)).toEqual({})
  const odd = JSON.parse('{"__proto__": "x", "constructor": "y"}') as Record<string, string>
  expect(Object.keys(ownLabels(odd, {}))).toEqual(['__proto__', 'constructor'])
})
