import { expect, test } from 'vitest'
import type { Container } from '../../src/engine/engine.ts'
import { containerOf } from '../../src/volumes/attach.ts'

const [ours, forged] = ['a'.repeat(64), 'f'.repeat(64)]
const known = new Map<string, Container>([
  [ours, { id: ours, name: 'web', image: 'nginx', state: 'running', volumes: [] }]
])
const holders = [
  { pid: 1, device: '0:99', containerId: forged },
  { pid: 2, device: '0:50', containerId: null },
  { pid: 3, device: '0:50', containerId: ours }
]

test('a mount that only bears the name of a copy is not taken for the container that holds it', () => {
  expect(containerOf('0:50', holders, known)).toEqual({ id: ours, name: 'web', image: 'nginx' })
  expect(containerOf('0:51', holders, known)).toBeNull()
})

test('a copy out of sight is known by its name alone', () => {
  expect(containerOf(null, holders.slice(1), known)).toMatchObject({ id: ours })
})

test('a container that the Engine does not list has an id and nothing else', () => {
  expect(containerOf('0:50', holders, new Map())).toEqual({ id: ours, name: null, image: null })
})
