import { describe, expect, test } from 'vitest'
import { isOf, referenceOf, type ContainerFacts } from '../../src/vault/access/containers.ts'
import { imageName } from '../../src/vault/access/image-reference.ts'
import { isPerson, parseSubject, type ContainerSubject } from '../../src/vault/access/subjects.ts'

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
    repoDigests: [`registry.example:5000/acme/db@${digest}`],
    labels: {
      'com.docker.compose.project': 'shop',
      'com.docker.compose.service': 'db',
      'io.example.tier': 'a=b',
      empty: ''
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
    ['image:ghcr.io/acme/*', ['ghcr.io/acme/app:1', 'ghcr.io/acme/app', 'ghcr.io/acme/team/app:1']],
    ['image:ghcr.io/*/app:1', ['ghcr.io/acme/app:1', 'ghcr.io/acme/team/app:1']],
    ['image:ghcr.io/*/app', ['ghcr.io/acme/app']],
    [
      'image:nginx*',
      ['nginx', 'nginx:1.25', 'docker.io/library/nginx:1.25', `nginx@${digest}`, 'nginx-evil:1.25']
    ],
    [
      'image:*/nginx:1.25',
      ['nginx:1.25', 'docker.io/library/nginx:1.25', 'evil/nginx:1.25', 'evil.example/library/nginx:1.25']
    ],
    ['image:*', references]
  ])('%s', (text, granted) => {
    const matching = references.filter(image => isOf(container({ image }), subject(text)))
    expect(matching).toEqual(granted)
  })
})

test('a container that was made by an ID, or whose tag is another image’s by now, has no reference', () => {
  for (const image of [null, id, other, id.slice('sha256:'.length, 20), '1', '2222'])
    expect(referenceOf(container({ image }))).toBeNull()
  expect(referenceOf(container({ image: '1-alpine' }))).toBe('1-alpine')
  expect(isOf(container({ image: id }), subject('image:*'))).toBe(false)
})

describe('a container is one of a subject', () => {
  const named = `registry.example:5000/acme/db@${digest}`
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
    [`image:${id}`, true, { repoDigests: null }],
    [`image:${digest}`, null, { repoDigests: null }],
    [`image:${named}`, null, { repoDigests: null }],
    [`image:${digest}`, false, { repoDigests: [] }],
    [`image:${digest}`, true, { image: id }],
    [`image:nginx@${digest}`, true, { repoDigests: [`nginx@${digest}`] }],
    [`image:docker.io/library/nginx@${digest}`, true, { repoDigests: [`nginx@${digest}`] }],

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
