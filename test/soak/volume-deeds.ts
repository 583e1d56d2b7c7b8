import { askJson } from '../kit/engine/admin.ts'
import { freeName, type Kind, type Site } from './deed.ts'

const mostVolumes = 9

const createVolume: Kind = {
  name: 'create volume',
  weight: 8,
  plan(site) {
    const { rig, model, random } = site
    const name = freeName(model.volumes, 'volume', mostVolumes)
    const [box, { newest }] = random.oneOf(model.boxes) ?? ['', { newest: 0 }]
    if (name === null || box === '') return null
    const version = random.below(4) === 0 ? newest : null
    const options = ['--opt', `box=${box}`, ...(version === null ? [] : ['--opt', `version=${version}`])]
    return {
      what: `create ${name} of ${box}${version === null ? '' : `, version ${version}`}`,
      alone: [`volume ${name}`],
      shared: [`box ${box}`],
      refusal: null,
      act: () => rig.engine.docker(['volume', 'create', '--driver', 'secretbox', ...options, name]),
      happened: async () => (await volumesOf(site)).includes(name),
      note() {
        model.volumes.set(name, { box, version })
        return null
      }
    }
  }
}

const removeVolume: Kind = {
  name: 'volume rm',
  weight: 4,
  plan(site) {
    const { rig, model, random } = site
    const name = random.oneOf(model.volumes.keys())
    if (name === undefined) return null
    const isUsed = [...model.containers.values()].some(({ volumes }) => volumes.includes(name))
    return {
      what: `volume rm ${name}${isUsed ? ', which is in use' : ''}`,
      alone: [`volume ${name}`],
      shared: [],
      refusal: isUsed ? /volume is in use/ : null,
      act: () => rig.engine.docker(['volume', 'rm', name]),
      happened: async () => !(await volumesOf(site)).includes(name),
      note() {
        model.volumes.delete(name)
        return null
      }
    }
  }
}

/** What is done to volumes. */
export const volumeKinds: readonly Kind[] = [createVolume, removeVolume]

/** The names of all volumes that the plugin knows. */
export async function volumesOf({ rig }: Site): Promise<string[]> {
  const { volumes } = await askJson<{ volumes: { name: string }[] }>(rig.adminSocket, 'GET', '/volumes/')
  return volumes.map(({ name }) => name)
}
