import { expect, test } from 'vitest'
import { parseVolumeName } from '../../src/base/names.ts'
import { cannotMount } from '../kit/tmpfs.ts'
import { breakable, openDriverStage } from './driver-stage.ts'

const [db, other] = [parseVolumeName('db'), parseVolumeName('other')]

test.skipIf(cannotMount)(
  'volumes that were told of once are told of when the store answers nothing any more, and no others (takes root)',
  async () => {
    let broken = false
    const stage = await openDriverStage({ wrap: store => breakable(store, () => broken) })
    await stage.makeVolume('db', 'hunter2')
    expect(await stage.volumes.get(db)).toMatchObject({ name: 'db', volume: { name: 'db' }, trouble: null })
    broken = true
    const known = { name: 'db', volume: { name: 'db' }, trouble: 'cannot use the store: EIO' }
    expect(await stage.volumes.get(db)).toMatchObject(known)
    expect(await stage.volumes.list()).toMatchObject([known])
    // The Engine asks every driver for a volume that it does not know: this one must not claim what may be another's.
    await expect(stage.volumes.get(other)).rejects.toMatchObject({ code: 'unavailable' })
    broken = false
    expect(await stage.volumes.get(db)).toMatchObject({ trouble: null })
    await expect(stage.volumes.get(other)).rejects.toMatchObject({ code: 'not_found' })
    await stage.volumes.remove({ kind: 'engine' }, db)
    broken = true
    await expect(stage.volumes.get(db)).rejects.toMatchObject({ code: 'unavailable' })
    expect(await stage.volumes.list()).toEqual([])
  }
)
