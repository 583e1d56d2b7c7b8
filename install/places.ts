import { resolve } from 'node:path'
import { defaultPaths } from '../src/base/default-paths.ts'

const defaults = {
  /** Store and admin socket. */
  DATA_DIR: defaultPaths.data,
  /** The key file. */
  KEY_DIR: defaultPaths.key,
  /** The program `docker vault` and what it starts. */
  LIB_DIR: '/usr/local/lib/secretbox',
  /** Where every user's Docker CLI looks, whatever HOME sudo sets. */
  CLI_PLUGINS_DIR: '/usr/local/lib/docker/cli-plugins',
  BIN_DIR: '/usr/local/bin',
  BASH_COMPLETION_DIR: '/etc/bash_completion.d',
  ZSH_COMPLETION_DIR: '/usr/local/share/zsh/site-functions',
  FISH_COMPLETION_DIR: '/etc/fish/conf.d'
}

/** Where things go on the host, by the name of the variable that sets it. */
export type Places = Readonly<Record<keyof typeof defaults, string>>

/** The places that environment variables name (`make install NAME=…` sets them), the usual ones otherwise. */
export function readPlaces(env: NodeJS.ProcessEnv): Places {
  const set = Object.entries(defaults).map(([name, usual]) => [name, resolve(env[name] || usual)])
  return Object.fromEntries(set) as Places
}
