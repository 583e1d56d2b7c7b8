import { pluginName } from '../src/base/default-paths.ts'
import { docker, Refusal, removePlugin, type InstalledPlugin } from './engine.ts'
import type { PluginSettings } from './settings.ts'

const whyIsInLog = "the daemon's reason is in the Engine's log: journalctl -u docker | grep plugin="

/** Puts a plugin that was not there into the Engine. When that fails it is taken out again, and the refusal says why. */
export function putPlugin(directory: string, settings: PluginSettings): void {
  try {
    createPlugin(directory, settings)
    enablePlugin()
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    removeWhatIsThere()
    throw new Refusal(
      `cannot install the plugin: ${error.message}`,
      `${error.hint}; it is out of the Engine again, so when that is mended: make install`
    )
  }
}

/**
 * Puts the plugin of `directory` into the place of the installed one, whose files the Engine cannot keep beside it.
 * When that fails the refusal says why, what there is now, and how to go on or back.
 */
export function replacePlugin(old: InstalledPlugin, directory: string, settings: PluginSettings): void {
  const untouched = `boxes, key and volumes are untouched (${settings.sources.join(' ')})`
  const ofBefore = 'a checkout of the release that ran before'
  removePlugin(old)
  try {
    createPlugin(directory, settings)
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    removeWhatIsThere()
    throw new Refusal(
      `the upgrade stopped half-way: the old plugin is gone and the new one is not there: ${error.message}`,
      `${untouched}; to go on here, or back in ${ofBefore}: ${commandsFor(settings)}`
    )
  }
  try {
    enablePlugin()
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    throw new Refusal(
      `the upgrade stopped half-way: the new plugin is there, with its settings, but disabled: ${error.message}`,
      // Not "docker plugin enable": the Engine would say "id already in use" for a while.
      `${untouched}; ${error.hint}; when that is mended: make install; to go back: the same in ${ofBefore}`
    )
  }
}

function createPlugin(directory: string, { sources, variables }: PluginSettings): void {
  docker('plugin', 'create', pluginName, directory)
  docker('plugin', 'set', pluginName, ...sources, ...variables)
}

function enablePlugin(): void {
  try {
    docker('plugin', 'enable', pluginName)
  } catch (error) {
    throw error instanceof Refusal ? new Refusal(error.message, whyIsInLog) : error
  }
}

/** What came of the plugin may be nothing, and the Engine may be the reason. */
function removeWhatIsThere(): void {
  try {
    docker('plugin', 'rm', '--force', pluginName)
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
  }
}

/** What one types to get a plugin with these settings. */
function commandsFor({ sources, variables }: PluginSettings): string {
  const places = sources.map(line =>
    line
      .replace(/^data\.source=/, 'DATA_DIR=')
      .replace(/^key\.source=/, 'KEY_DIR=')
      .replace(/^docker\.source=/, 'DOCKER_SOCKET=')
  )
  const install = `make install ${places.join(' ')}`
  if (variables.length === 0) return install
  const set = [`disable -f ${pluginName}`, `set ${pluginName} ${variables.join(' ')}`, `enable ${pluginName}`]
  return `${install} && ${set.map(words => `docker plugin ${words}`).join(' && ')}`
}
