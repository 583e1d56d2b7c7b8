import type { TypeForm } from './form.ts'

const password = {
  meaning: 'the password',
  secret: true,
  required: true,
  generated: { length: 32, charset: 'alphanumeric' }
} as const
const host = { meaning: 'the host, or a socket', pattern: '[^\\s]+' } as const
const port = { meaning: 'the port', pattern: '[0-9]{1,5}' } as const

/** Logins at databases, in the files that their own clients read. */
export const databases: Readonly<Record<string, TypeForm>> = {
  postgres: {
    title: 'a login at PostgreSQL',
    fields: {
      host: { ...host, required: true },
      port: { ...port, usual: '5432' },
      database: { meaning: 'the database; without it any' },
      user: { meaning: 'the role that logs in', required: true },
      password,
      sslmode: {
        meaning: 'how the connection is secured',
        pattern: 'disable|allow|prefer|require|verify-ca|verify-full'
      }
    },
    files: {
      // libpq passes over a password file that group or others may read.
      '.pgpass': {
        mode: '0600',
        format: 'pgpass',
        lines: ['{host}:{port}:{database|*}:{user}:{password}']
      },
      password: { field: 'password' },
      'pg_service.conf': {
        format: 'pg-service',
        lines: [
          '[default]',
          'host={host}',
          'port={port}',
          'dbname={database}',
          'user={user}',
          'sslmode={sslmode}'
        ]
      }
    }
  },
  mysql: {
    title: 'a login at MySQL or MariaDB',
    fields: {
      host: { ...host, required: true },
      port: { ...port, usual: '3306' },
      database: { meaning: 'the database' },
      user: { meaning: 'who logs in', required: true },
      password
    },
    files: {
      // The clients pass over an option file that everybody may write.
      'my.cnf': {
        mode: '0600',
        format: 'mysql',
        lines: [
          '[client]',
          'host={host}',
          'port={port}',
          'user={user}',
          'password={password}',
          // Not every client knows it.
          '[mysql]',
          'database={database}'
        ]
      },
      password: { field: 'password' }
    }
  }
}
