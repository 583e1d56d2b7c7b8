/** The name of the plugin, and so of the volume driver. */
export const pluginName = 'secretbox'

/** Where the daemon's things lie unless it is set otherwise. */
export const defaultPaths = {
  /** Store and admin socket. */
  data: '/var/lib/secretbox',
  /** The key file. */
  key: '/etc/secretbox',
  /** Where copies are mounted. */
  copies: '/mnt/secretbox',
  /** Where the Engine looks for a plugin's socket. */
  pluginSocket: `/run/docker/plugins/${pluginName}.sock`,
  /** The Engine's own. */
  dockerSocket: '/var/run/docker.sock'
} as const

/** Where a thing lies: where `SECRETBOX_<name>` says, or else at the usual place. */
export function pathSetBy(environment: NodeJS.ProcessEnv, name: string, usual: string): string {
  return environment[`SECRETBOX_${name}`] || usual
}

/** In the data directory. */
export const storeFileName = 'store.db'
/** What ends the names of the store's files, SQLite's own among them. */
export const storeFileEndings = ['', '-wal', '-shm', '-journal'] as const
/** What stands between the store's name and the process that is just making it. */
export const draftMark = '.new.'
/** In the data directory. */
export const adminSocketName = 'admin.sock'
/** In the data directory: the operator's own types of credentials. */
export const typesName = 'types'
/** In the data directory: for people who are not root. */
export const publicSocketName = 'public.sock'
/** Beside the admin socket: the program that containers get their variables from. */
export const launcherName = 'launcher'
/** In the key's directory. */
export const keyFileName = 'key'
