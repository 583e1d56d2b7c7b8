import { expect, test } from 'vitest'
import type { Container } from '../../src/engine/engine.ts'
import { idleContainer } from '../copies/engines.ts'
import { containerOf, decideAttach } from '../../src/lifecycle/holder-names.ts'

const ours = 'a'.repeat(64)
const known = new Map<string, Container>([
  [ours, idleContainer({ id: ours, name: 'web', image: 'nginx', state: 'running' })]
])
const holders = [
  { pid: 2, containerId: null },
  { pid: 3, containerId: ours }
]

test('a container that holds a copy is named by what the Engine knows of it', () => {
  expect(containerOf(holders, known)).toEqual({ id: ours, name: 'web', image: 'nginx' })
  expect(containerOf(holders.slice(0, 1), known)).toBeNull()
})

test('a container that the Engine does not list has an id and nothing else', () => {
  expect(containerOf(holders, new Map())).toEqual({ id: ours, name: null, image: null })
})

test('what a record does not say yet is noted on it, and nothing else', () => {
  const seen = { id: ours, name: 'web', image: 'nginx' }
  const nameless = { id: ours, name: null, image: null }
  expect(decideAttach({ container: null }, holders, known)).toEqual(seen)
  expect(decideAttach({ container: null }, holders, new Map())).toEqual(nameless)
  expect(decideAttach({ container: nameless }, holders, known)).toEqual(seen)
  expect(decideAttach({ container: nameless }, holders, new Map())).toBeNull()
  expect(decideAttach({ container: null }, [], known)).toBeNull()
})
