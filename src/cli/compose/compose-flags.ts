import { flagTable } from '../inject/command-line.ts'

/**
 * The flags that stand before compose's own command, of docker-compose 1.29 and of Compose 2 (docker/compose,
 * docs/reference/compose.md).
 */
export const composeFlags = flagTable({
  values: [
    'ansi',
    'context c',
    'env-file',
    'file f',
    'host H',
    'log-level',
    'parallel',
    'profile',
    'progress',
    'project-directory',
    'project-name p',
    'tlscacert',
    'tlscert',
    'tlskey'
  ],
  switches: [
    'all-resources',
    'compatibility',
    'dry-run',
    'help h',
    'no-ansi',
    'skip-hostname-check',
    'tls',
    'tlsverify',
    'verbose',
    'version v'
  ]
})
