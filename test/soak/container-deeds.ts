import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { testImage } from '../kit/engine/image.ts'
import { freeName, type Deed, type Kind, type Site } from './deed.ts'
import { lookOut, pidOf } from './look-out.ts'
import { mayShow, touched } from './making-copies.ts'
import { noteEnd, runningIn, shownTo, type Container } from './model.ts'
import { onceSeen } from '../kit/engine/once-seen.ts'

const mostContainers = 12

const create: Kind = {
  name: 'create',
  weight: 10,
  plan({ rig, model, random, reports, attacker }) {
    const name = freeName(model.containers, 'container', mostContainers)
    const volumes = [...new Set([random.oneOf(model.volumes.keys()), random.oneOf(model.volumes.keys())])]
    const used = volumes.filter(volume => volume !== undefined)
    if (name === null || used.length === 0) return null
    const report = join(reports, `${name}-${random.below(2 ** 32)}`)
    // It leases its files and hides what it holds, beside looking at it.
    const attacks = random.below(3) === 0
    const mounts = used.flatMap((volume, index) => [
      '--mount',
      `type=volume,volume-driver=secretbox,src=${volume},dst=/copies/${index}`
    ])
    return {
      what: `create ${name} with ${used.join(' and ')}${attacks ? ', which attacks' : ''}`,
      alone: [`container ${name}`],
      shared: used.map(volume => `volume ${volume}`),
      refusal: null,
      async act() {
        await mkdir(report)
        await writeFile(join(report, 'look-out'), lookOut)
        await rig.engine.docker([
          ...['create', '--name', name, '--network', 'none', '--stop-signal', 'KILL'],
          ...['--mount', `type=bind,src=${report},dst=/report`, ...mounts],
          ...['--mount', `type=bind,src=${attacker},dst=/attacker,readonly`, testImage],
          ...['sh', '-c', `${attacks ? '/attacker lease /copies/0 & ' : ''}exec sh /report/look-out`]
        ])
      },
      happened: async () => (await rig.engine.tryDocker(['container', 'inspect', name])).code === 0,
      note() {
        model.containers.set(name, {
          name,
          report,
          volumes: used,
          starts: 0,
          running: null,
          miscounted: false
        })
        return null
      }
    }
  }
}

const start: Kind = {
  name: 'start',
  weight: 32,
  plan(site) {
    const { rig, model, random } = site
    const container = random.oneOf([...model.containers.values()].filter(({ running }) => running === null))
    if (container === undefined) return null
    const shown = mayShow(site, container)
    return {
      what: `start ${container.name}`,
      ...touched(site, container),
      refusal: shownTo(model, container) === null ? /VolumeDriver\.Mount: cannot mount volume/ : null,
      async act() {
        await writeFile(join(container.report, 'start'), String(container.starts + 1))
        await onceSeen(rig.engine, ['start', container.name])
      },
      happened: async () => (await pidOf(container)) !== null,
      note() {
        container.starts++
        container.running = { shown: shown(), orphaned: false }
        return null
      },
      noteFailure() {
        container.miscounted = true
      }
    }
  }
}

/** A running container ends. */
function ending(site: Site, what: string, act: (container: Container) => Promise<unknown>): Deed | null {
  const container = site.random.oneOf(runningIn(site.model))
  if (container === undefined) return null
  return {
    what: `${what} ${container.name}`,
    alone: [`container ${container.name}`],
    shared: container.volumes.map(volume => `volume ${volume}`),
    refusal: null,
    act: () => act(container),
    happened: async () => (await pidOf(container)) === null,
    note() {
      noteEnd(container)
      return null
    }
  }
}

const stop: Kind = {
  name: 'stop',
  weight: 5,
  plan: site => ending(site, 'stop', ({ name }) => site.rig.engine.docker(['stop', name]))
}

const kill: Kind = {
  name: 'kill',
  weight: 4,
  plan: site => ending(site, 'kill', ({ name }) => site.rig.engine.docker(['kill', name]))
}

/** Its process ends and nobody told the Engine that it would. */
const crash: Kind = {
  name: 'crash',
  weight: 4,
  plan: site =>
    ending(site, 'crash', async container => {
      const pid = await pidOf(container)
      if (pid === null) throw new Error('it does not run')
      process.kill(pid, 'SIGKILL')
      // Until the Engine knows; it would otherwise take it for running when it is to start it.
      await site.rig.engine.docker(['wait', container.name])
    })
}

const destroy: Kind = {
  name: 'rm',
  weight: 3,
  plan({ rig, model, random }) {
    const container = random.oneOf(model.containers.values())
    if (container === undefined) return null
    const { name } = container
    return {
      what: `rm ${name}${container.running === null ? '' : ', which runs'}`,
      alone: [`container ${name}`, ...container.volumes.map(volume => `volume ${volume}`)],
      shared: [],
      refusal: null,
      act: () => rig.engine.docker(['rm', '--force', name]),
      happened: async () => (await rig.engine.tryDocker(['container', 'inspect', name])).code !== 0,
      note() {
        model.containers.delete(name)
        return null
      }
    }
  }
}

/** What is done to containers. */
export const containerKinds: readonly Kind[] = [create, start, stop, kill, crash, destroy]
