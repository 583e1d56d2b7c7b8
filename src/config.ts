import { z } from 'zod'
import { SecretboxError } from './errors.ts'
import { defaultCopiesDir } from './places.ts'
import type { BoxLimits } from './vault/versions.ts'

/** Where the daemon's things lie and what it allows. */
export interface Config {
  readonly dataDir: string
  readonly keyDir: string
  readonly copiesDir: string
  readonly pluginSocket: string
  readonly adminSocket: string
  /** The Engine's socket; it may be missing, and everything but names of containers works. */
  readonly dockerSocket: string
  readonly logLevel: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'silent'
  readonly limits: BoxLimits & { readonly maxAuditEntries: number }
  /** Start containers that failed for want of a mount, once it can be served. */
  readonly startFailed: boolean
  /** How long to wait before wiping a copy that nobody holds when the Engine cannot be asked about it. */
  readonly graceMs: number
}

const count = (least: number, initial: number): z.ZodType<number> =>
  z
    .string()
    .regex(/^\d{1,15}$/, 'it must be a whole number')
    .transform(Number)
    .refine(value => value >= least, `it must be at least ${least}`)
    .default(initial)

const Environment = z.object({
  SECRETBOX_DATA_DIR: z.string().min(1).default('/var/lib/secretbox'),
  SECRETBOX_KEY_DIR: z.string().min(1).default('/etc/secretbox'),
  SECRETBOX_COPIES_DIR: z.string().min(1).default(defaultCopiesDir),
  SECRETBOX_PLUGIN_SOCKET: z.string().min(1).default('/run/docker/plugins/secretbox.sock'),
  SECRETBOX_ADMIN_SOCKET: z.string().min(1).optional(),
  SECRETBOX_DOCKER_SOCKET: z.string().min(1).default('/var/run/docker.sock'),
  LOG_LEVEL: z
    .enum(
      ['trace', 'debug', 'info', 'warn', 'error', 'silent'],
      'it must be trace, debug, info, warn, error or silent'
    )
    .default('info'),
  MAX_BOX_BYTES: count(1, 128 << 20),
  MAX_BOX_ENTRIES: count(1, 20_000),
  MAX_VERSIONS: count(1, 100),
  MAX_AUDIT_ENTRIES: count(1, 1_000_000),
  START_FAILED: z.enum(['true', 'false'], 'it must be true or false').default('true'),
  GRACE_SECONDS: count(0, 45)
})

/** Reads the configuration from the environment. Throws `invalid` that names the variable and what it must be. */
export function readConfig(environment: NodeJS.ProcessEnv): Config {
  // An empty value is what `docker plugin set NAME=` leaves: as good as none.
  const given = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ''))
  const parsed = Environment.safeParse(given)
  if (!parsed.success) {
    const issue = parsed.error.issues[0]
    throw new SecretboxError('invalid', `bad setting ${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`)
  }
  const env = parsed.data
  return {
    dataDir: env.SECRETBOX_DATA_DIR,
    keyDir: env.SECRETBOX_KEY_DIR,
    copiesDir: env.SECRETBOX_COPIES_DIR,
    pluginSocket: env.SECRETBOX_PLUGIN_SOCKET,
    adminSocket: env.SECRETBOX_ADMIN_SOCKET ?? `${env.SECRETBOX_DATA_DIR}/admin.sock`,
    dockerSocket: env.SECRETBOX_DOCKER_SOCKET,
    logLevel: env.LOG_LEVEL,
    limits: {
      maxBoxBytes: env.MAX_BOX_BYTES,
      maxBoxEntries: env.MAX_BOX_ENTRIES,
      maxVersions: env.MAX_VERSIONS,
      maxAuditEntries: env.MAX_AUDIT_ENTRIES
    },
    startFailed: env.START_FAILED === 'true',
    graceMs: env.GRACE_SECONDS * 1000
  }
}
