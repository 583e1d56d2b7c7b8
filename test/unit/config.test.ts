import { expect, test } from 'vitest'
import { readConfig } from '../../src/config.ts'
import { isSecretboxError } from '../../src/base/errors.ts'

function refusal(environment: NodeJS.ProcessEnv): string {
  try {
    readConfig(environment)
  } catch (error) {
    if (isSecretboxError(error, 'invalid')) return error.message
  }
  throw new Error('taken')
}

test('without settings the daemon uses the places and limits of the documentation', () => {
  expect(readConfig({})).toMatchObject({
    dataDir: '/var/lib/secretbox',
    keyDir: '/etc/secretbox',
    copiesDir: '/mnt/secretbox',
    pluginSocket: '/run/docker/plugins/secretbox.sock',
    adminSocket: '/var/lib/secretbox/admin.sock',
    dockerSocket: '/var/run/docker.sock',
    logLevel: 'info',
    limits: { maxBoxBytes: 128 << 20, maxBoxEntries: 20_000, maxVersions: 100, maxAuditEntries: 1_000_000 }
  })
})

test('settings take their places, and the admin socket follows the data directory', () => {
  const environment = {
    SECRETBOX_DATA_DIR: '/d',
    SECRETBOX_KEY_DIR: '/k',
    SECRETBOX_COPIES_DIR: '/c',
    SECRETBOX_PLUGIN_SOCKET: '/p.sock',
    SECRETBOX_DOCKER_SOCKET: '/e.sock',
    LOG_LEVEL: 'debug',
    MAX_BOX_BYTES: '1',
    MAX_BOX_ENTRIES: '2',
    MAX_VERSIONS: '3',
    MAX_AUDIT_ENTRIES: '4'
  }
  expect(readConfig(environment)).toMatchObject({
    dataDir: '/d',
    keyDir: '/k',
    copiesDir: '/c',
    pluginSocket: '/p.sock',
    adminSocket: '/d/admin.sock',
    dockerSocket: '/e.sock',
    logLevel: 'debug',
    limits: { maxBoxBytes: 1, maxBoxEntries: 2, maxVersions: 3, maxAuditEntries: 4 }
  })
  expect(readConfig({ ...environment, SECRETBOX_ADMIN_SOCKET: '/a.sock' }).adminSocket).toBe('/a.sock')
})

test('an empty setting is none, as a plugin passes it', () => {
  expect(readConfig({ LOG_LEVEL: '', MAX_VERSIONS: '' })).toMatchObject({
    logLevel: 'info',
    limits: { maxVersions: 100 }
  })
})

test.each(['many', '1.5', '-1', '1e3', '0x10', ' 1', '9999999999999999'])(
  'a limit of %j is refused with its name and what it must be',
  value => {
    expect(refusal({ MAX_BOX_BYTES: value })).toBe(
      `bad setting MAX_BOX_BYTES="${value}": it must be a whole number`
    )
  }
)

test('a limit of 0, an unknown log level and an unclear yes or no are refused', () => {
  expect(refusal({ MAX_VERSIONS: '0' })).toBe('bad setting MAX_VERSIONS="0": it must be at least 1')
  expect(refusal({ LOG_LEVEL: 'loud' })).toBe(
    'bad setting LOG_LEVEL="loud": it must be trace, debug, info, warn, error or silent'
  )
  expect(refusal({ START_FAILED: 'yes' })).toBe('bad setting START_FAILED="yes": it must be true or false')
})
