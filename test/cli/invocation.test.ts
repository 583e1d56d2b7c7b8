import { expect, test } from 'vitest'
import { readInvocation } from '../../src/cli/client/invocation.ts'

const plugin = '/usr/libexec/docker/cli-plugins/docker-vault'
const nothing = { host: null, context: null, configDir: null }

test('started directly, the arguments are the command', () => {
  expect(readInvocation(['/usr/local/bin/docker-vault', 'ls', '-b'])).toEqual({
    ...nothing,
    name: 'docker-vault',
    args: ['ls', '-b']
  })
  expect(readInvocation(['/usr/local/bin/secretbox', '--help'])).toEqual({
    ...nothing,
    name: 'secretbox',
    args: ['--help']
  })
})

test('started by docker, the word "vault" and options of docker before it are taken off', () => {
  expect(readInvocation([plugin, 'vault', 'ls', '--', '-H'])).toEqual({
    ...nothing,
    name: 'docker vault',
    args: ['ls', '--', '-H']
  })
  expect(
    readInvocation([plugin, '-H', 'unix:///e.sock', '-D', '--tlsverify=false', '--config=/c', 'vault', 'ls'])
  ).toEqual({ name: 'docker vault', args: ['ls'], host: 'unix:///e.sock', context: null, configDir: '/c' })
  expect(
    readInvocation([plugin, '-Hunix:///e.sock', '--context', 'far', '--log-level=debug', 'vault'])
  ).toEqual({ name: 'docker vault', args: [], host: 'unix:///e.sock', context: 'far', configDir: null })
})

test('help and completion come before the word "vault"', () => {
  expect(readInvocation([plugin, 'help', 'vault', 'ls']).args).toEqual(['help', 'ls'])
  expect(readInvocation([plugin, '__complete', 'vault', 'read', 'd']).args).toEqual([
    '__complete',
    'read',
    'd'
  ])
})

test('a box called vault is not mistaken for the command', () => {
  expect(readInvocation(['docker-vault', 'ls', 'vault'])).toMatchObject({ args: ['ls', 'vault'] })
})
