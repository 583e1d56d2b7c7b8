import { constants, setPriority } from 'node:os'
import { isMet, tableOf, type Figure } from './figures.ts'
import { measureMount } from './mount.ts'
import { measureProcess } from './process.ts'
import { measureCli } from './cli.ts'
import { measureScale } from './scale.ts'
import { measureLargeBox } from './large-box.ts'
import { measureDockerRun } from './docker-run.ts'

/*
 * run.ts [SECTION...]: measures all sections, or those named, and prints a Markdown table of each. Exits with 1 when
 * a figure misses its target. Needs root, and what `make plugin cli` builds.
 */
const sections: Readonly<Record<string, () => Promise<Figure[]>>> = {
  process: measureProcess,
  cli: measureCli,
  mount: measureMount,
  scale: measureScale,
  'large-box': measureLargeBox,
  'docker-run': measureDockerRun
}

// What else runs on the machine waits: the figures are about the daemon.
setPriority(constants.priority.PRIORITY_HIGHEST)

const wanted = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(sections)
for (const name of wanted) {
  const measure = sections[name]
  if (measure === undefined)
    throw new Error(`cannot measure "${name}": known are ${Object.keys(sections).join(', ')}`)
  const figures = await measure()
  console.log(`\n## ${name}\n\n${tableOf(figures)}`)
  if (!figures.every(isMet)) process.exitCode = 1
}
