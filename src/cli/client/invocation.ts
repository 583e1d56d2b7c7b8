import { basename } from 'node:path'

/** The options of docker that choose an Engine, as they were given before `vault`. */
export interface EngineChoice {
  /** `-H/--host` */
  readonly host: string | null
  /** `-c/--context` */
  readonly context: string | null
  /** `--config`: the directory of the client's settings. */
  readonly configDir: string | null
}

/** A command line, freed from what Docker puts around it. */
export interface Invocation extends EngineChoice {
  /** How the user calls the program, for help and hints. */
  readonly name: string
  /** What is left for the commands: `ls`, `db`, … */
  readonly args: readonly string[]
}

/** The word that Docker knows this plugin by. */
export const pluginCommand = 'vault'

// Docker hands the plugin its own arguments as they were typed, global options first
// (docker/cli, cli-plugins/manager: PluginRunCommand; the options: cli/flags/options.go).
const dockerOptions: Readonly<Record<string, 'host' | 'context' | 'configDir' | 'ignored'>> = {
  '-H': 'host',
  '--host': 'host',
  '-c': 'context',
  '--context': 'context',
  '--config': 'configDir',
  '-l': 'ignored',
  '--log-level': 'ignored',
  '--tlscacert': 'ignored',
  '--tlscert': 'ignored',
  '--tlskey': 'ignored'
}

const dockerSwitches = new Set(['-D', '--debug', '--tls', '--tlsverify'])

/**
 * Reads `argv`: the program's name, then its arguments. Started by Docker, the arguments are
 * `[docker's options] vault …`, `help vault …` or `__complete vault …`; otherwise they are the command itself.
 */
export function readInvocation(argv: readonly string[]): Invocation {
  const args = argv.slice(1)
  const given: Record<'host' | 'context' | 'configDir' | 'ignored', string | null> = {
    host: null,
    context: null,
    configDir: null,
    ignored: null
  }
  const kept: string[] = []

  let at = 0
  for (; at < args.length; at++) {
    const arg = args[at] ?? ''
    if (!arg.startsWith('-')) break
    const [option, attached] = splitOption(arg)
    const meaning = dockerOptions[option]
    if (meaning !== undefined) given[meaning] = attached ?? args[++at] ?? ''
    else if (!dockerSwitches.has(option)) kept.push(arg)
  }
  const forward = args[at]
  if (forward === 'help' || forward === '__complete' || forward === '__completeNoDesc') {
    kept.push(forward)
    at++
  }

  if (args[at] !== pluginCommand) {
    const program = basename(argv[0] ?? '')
    const name = program === 'secretbox' ? program : 'docker-vault'
    return { name, args, host: null, context: null, configDir: null }
  }
  const { host, context, configDir } = given
  return { name: `docker ${pluginCommand}`, args: [...kept, ...args.slice(at + 1)], host, context, configDir }
}

function splitOption(arg: string): [option: string, attached: string | undefined] {
  if (!arg.startsWith('--')) {
    const rest = arg.slice(2).replace(/^=/, '')
    return [arg.slice(0, 2), rest === '' ? undefined : rest]
  }
  const equals = arg.indexOf('=')
  return equals === -1 ? [arg, undefined] : [arg.slice(0, equals), arg.slice(equals + 1)]
}
